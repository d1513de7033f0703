//! The private PostgreSQL: what survives, what is found running, what is mended.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use local::{
    postgres::{Cluster, connect},
    problem::render,
    project,
};

/// A folder for one test's cluster, removed at the end.
struct State(PathBuf);

impl State {
    fn new() -> Self {
        let folder = project::target().join("tmp").join(format!("cluster-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    async fn open(&self, fresh: bool) -> anyhow::Result<Cluster> {
        Cluster::kept_in(self.0.clone(), fresh).await
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // The server may still be writing its last file when a test failed.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn server_process(cluster: &Cluster) -> u32 {
    let lock = fs::read_to_string(cluster.home().join("data/postmaster.pid")).unwrap();
    lock.lines().next().unwrap().trim().parse().unwrap()
}

fn kill(signal: &str, process: u32) {
    assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
}

fn wait_until_gone(pid_file: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while pid_file.exists() {
        assert!(Instant::now() < deadline, "the server still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn data_survive_a_restart_and_fresh_starts_empty() {
    let state = State::new();
    let mut cluster = state.open(false).await.unwrap();
    let client = connect(&cluster.url()).await.unwrap();
    client.batch_execute("create table kept (id int)").await.unwrap();
    drop(client);
    let url = cluster.url();

    // A second opening finds the server running, and may not empty it.
    let second = state.open(false).await.unwrap();
    assert!(second.is_borrowed() && !cluster.is_borrowed());
    assert_eq!(second.url(), url);
    let refused = state.open(true).await.err().unwrap();
    assert!(render(&refused).contains("--fresh would empty"), "{}", render(&refused));
    cluster.stop().await;

    let mut cluster = state.open(false).await.unwrap();
    assert_eq!(cluster.url(), url, "the port and the password are remembered");
    let client = connect(&cluster.url()).await.unwrap();
    client.batch_execute("select * from kept").await.unwrap();
    drop(client);
    cluster.stop().await;

    let mut cluster = state.open(true).await.unwrap();
    let client = connect(&cluster.url()).await.unwrap();
    assert!(client.batch_execute("select * from kept").await.is_err());
    cluster.stop().await;
}

#[tokio::test]
async fn the_role_of_functions_is_held_by_row_level_security() {
    let state = State::new();
    let mut cluster = state.open(false).await.unwrap();
    let client = connect(&cluster.url()).await.unwrap();
    let role = "select rolsuper or rolbypassrls, rolname::text from pg_roles where rolname = current_user";
    let row = client.query_one(role, &[]).await.unwrap();
    assert_eq!((row.get::<_, bool>(0), row.get::<_, &str>(1)), (false, "praxis"));
    let vector = client.query_one("select ('[1,2]'::vector <-> '[1,3]'::vector)::float8", &[]).await.unwrap();
    assert!((vector.get::<_, f64>(0) - 1.0).abs() < 1e-9);
    let upper = client.query_one("select upper('äß')", &[]).await.unwrap();
    assert_eq!(upper.get::<_, &str>(0), "Äß");
    // Nobody gets in without the password.
    let stranger = cluster.url().replacen("praxis:", "praxis:x", 1);
    assert!(render(&connect(&stranger).await.unwrap_err()).contains("password authentication failed"));
    cluster.stop().await;
}

#[tokio::test]
async fn a_killed_server_and_its_stale_lock_do_not_keep_the_next_from_starting() {
    let state = State::new();
    let mut cluster = state.open(false).await.unwrap();
    let pid_file = cluster.home().join("data/postmaster.pid");
    kill("-KILL", server_process(&cluster));
    cluster.stop().await;
    // The number in the file now belongs to a program that is alive and is no server: this one.
    let lock = fs::read_to_string(&pid_file).unwrap();
    let (_, rest) = lock.split_once('\n').unwrap();
    fs::write(&pid_file, format!("{}\n{rest}", std::process::id())).unwrap();

    let mut cluster = state.open(false).await.unwrap();
    connect(&cluster.url()).await.unwrap();
    cluster.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_replaced() {
    let state = State::new();
    let mut cluster = state.open(false).await.unwrap();
    let url = cluster.url();
    cluster.stop().await;
    let port = fs::read_to_string(cluster.home().join("port")).unwrap();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port.trim().parse().unwrap())).unwrap();
    let mut cluster = state.open(false).await.unwrap();
    assert_ne!(cluster.url(), url);
    connect(&cluster.url()).await.unwrap();
    cluster.stop().await;
}

#[tokio::test]
async fn the_server_stops_when_its_owner_goes() {
    let state = State::new();
    let cluster = state.open(false).await.unwrap();
    let pid_file = cluster.home().join("data/postmaster.pid");
    assert!(pid_file.exists());
    // The pipe closes, as it does when the whole process is killed.
    drop(cluster);
    wait_until_gone(&pid_file);
}

#[tokio::test]
async fn a_temporary_cluster_leaves_nothing() {
    let mut cluster = Cluster::temporary().await.unwrap();
    let home = cluster.home().to_owned();
    connect(&cluster.superuser_url("postgres")).await.unwrap();
    cluster.stop().await;
    assert!(!home.exists());
}

#[tokio::test]
async fn a_restartable_cluster_comes_back_with_its_data() {
    let mut cluster = Cluster::restartable().await.unwrap();
    cluster.set_up("praxis").await.unwrap();
    let (home, url) = (cluster.home().to_owned(), cluster.url());
    connect(&url).await.unwrap().batch_execute("create table kept (id int)").await.unwrap();
    cluster.stop().await;
    assert!(connect(&url).await.is_err());
    cluster.start().await.unwrap();
    connect(&url).await.unwrap().batch_execute("select * from kept").await.unwrap();
    drop(cluster);
    assert!(!home.exists());
}

#[tokio::test]
async fn a_project_in_a_closed_folder_has_its_database_elsewhere() {
    use std::os::unix::fs::PermissionsExt;
    let state = State::new();
    fs::set_permissions(&state.0, fs::Permissions::from_mode(0o700)).unwrap();
    let inside = state.0.join("state");
    let mut cluster = Cluster::kept_in(inside.clone(), false).await.unwrap();
    connect(&cluster.url()).await.unwrap();
    cluster.stop().await;
    // Only root needs the detour: for everybody else the server runs as the folder's owner.
    if !cluster.home().starts_with(&inside) {
        assert!(cluster.home().starts_with("/var/tmp"), "{}", cluster.home().display());
        fs::remove_dir_all(cluster.home().parent().unwrap()).unwrap();
    }
}
