//! `cargo local sam`: what `sam local` needs of this machine, while it runs.
//!
//! SAM runs each function in a container, which has neither this machine's loopback nor its files: the database comes
//! through a relay on Docker's bridge, the signing keys as a setting, and all settings in a file for `--env-vars`.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

use anyhow::{Context, Result};
use local::{
    cloud, keys,
    postgres::{Addresses, Postgres},
    problem::problem,
    project,
};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::config::Host;

/// Where the settings are written to.
const FILE: &str = "target/sam-local.json";

pub(super) async fn run() -> Result<()> {
    let postgres = Postgres::open(false).await?;
    let result = serve(&postgres).await;
    postgres.stop().await;
    result
}

async fn serve(postgres: &Postgres) -> Result<()> {
    super::migrate::up(postgres).await?;
    super::up::seed(postgres).await?;
    let database: tokio_postgres::Config = postgres.url().parse()?;
    let (Some(Host::Tcp(host)), Some(port)) = (database.get_hosts().first(), database.get_ports().first())
    else {
        return Err(problem("the database has no address that a container reaches", "unset DATABASE_URL"));
    };
    // Docker Desktop leads this name to the machine's loopback; on Linux it is an address of the machine's own.
    let (reached, relay) = match bridge().await? {
        Some(address) => {
            let listener =
                TcpListener::bind((address, 0)).await.context("cannot listen on Docker's bridge")?;
            (listener.local_addr()?.to_string(), Some(listener))
        }
        None => (format!("host.docker.internal:{port}"), None),
    };
    let addresses = postgres.addresses().map(|url| url.replacen(&format!("{host}:{port}"), &reached, 1));
    let settings = settings(&addresses)?;
    let path = project::root().join(FILE);
    write(&path, &json!({ "Parameters": { "PRAXIS_SETTINGS": settings } }).to_string())?;

    super::print(&format!(
        "the settings are in {FILE}; in another terminal, after `cargo local package` for this machine's processor:\n\n  \
         sam local invoke ListScenes --env-vars {FILE} --event events/practice/list-scenes.json {PARAMETERS}\n  \
         sam local start-api --env-vars {FILE} {PARAMETERS}\n\nCtrl-C stops the database."
    ));
    let relayed = async {
        match relay {
            Some(listener) => accept(listener, host, *port).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = relayed => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

/// The containers run on this machine's processor, whatever a deployment's default is.
const PARAMETERS: &str = "--parameter-overrides Architecture=$(uname -m | sed s/aarch64/arm64/)";

/// The text of `PRAXIS_SETTINGS`, as `cargo local` gives it to its own functions.
fn settings(addresses: &Addresses) -> Result<String> {
    let mut over = cloud::shell();
    over.entry("API_URL".to_owned()).or_insert("http://127.0.0.1:3000".to_owned());
    let mut environment = cloud::environment(addresses, &over)?;
    // A container has this folder and none of this machine's.
    environment.insert("MAIL_DIRECTORY".to_owned(), "/tmp/mail".to_owned());
    environment.remove("AUTH_KEYS_FILE");
    let keys = std::fs::read_to_string(keys::path()).context("cannot read the signing keys")?;
    let keys: serde_json::Value = serde_json::from_str(&keys)?;
    environment.insert("AUTH_KEYS".to_owned(), keys.to_string());
    let template = cloud::template(&environment)?;
    let function = template.functions.first().context("the template has no function")?;
    let variables: BTreeMap<_, _> = function.variables(&environment);
    variables.get("PRAXIS_SETTINGS").cloned().context("the functions have no PRAXIS_SETTINGS")
}

/// The machine's address on Docker's bridge; `None` where Docker runs in a machine of its own.
async fn bridge() -> Result<Option<IpAddr>> {
    if !cfg!(target_os = "linux") {
        return Ok(None);
    }
    let format = "{{range .IPAM.Config}}{{.Gateway}} {{.Subnet}} {{end}}";
    let arguments = ["network", "inspect", "bridge", "--format", format];
    let output = tokio::process::Command::new("docker").args(arguments).output().await;
    let output = output.ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let address = address(&text);
    let help = "install Docker and start it: `docker network inspect bridge` must answer";
    address.map(Some).ok_or_else(|| problem("Docker does not answer", help))
}

/// The gateway's address among what Docker says of its bridge. Docker leaves it out before the first container runs; it is
/// the first of the subnet then.
fn address(text: &str) -> Option<IpAddr> {
    let first = |subnet: &str| {
        let network: Ipv4Addr = subnet.split_once('/')?.0.parse().ok()?;
        Some(IpAddr::from(Ipv4Addr::from(u32::from(network) + 1)))
    };
    let words = || text.split_whitespace();
    words().find_map(|word| word.parse().ok()).or_else(|| words().find_map(first))
}

/// Hands every connection on to the database.
async fn accept(listener: TcpListener, host: &str, port: u16) {
    loop {
        let Ok((mut from, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: try again when some are free.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let host = host.to_owned();
        tokio::spawn(async move {
            if let Ok(mut to) = TcpStream::connect((host.as_str(), port)).await {
                let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
            }
        });
    }
}

/// Writes a file that only this user reads: it holds keys.
fn write(path: &Path, text: &str) -> Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bridge_is_its_gateway_or_the_first_of_its_subnet() {
        let known = Some("172.17.0.1".parse().unwrap());
        assert_eq!(address("172.17.0.1 172.17.0.0/16 \n"), known);
        assert_eq!(address(" 172.17.0.0/16 \n"), known);
        assert_eq!(address("<no value> 172.17.0.0/16 \n"), known);
        assert_eq!(address(""), None);
    }
}
