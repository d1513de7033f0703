//! What the kernel says of processes: processor time and peak memory, from `/proc`. Elsewhere than on Linux there is
//! no such folder, and every answer is `None`.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The kernel counts these times in hundredths of a second, on every architecture (`USER_HZ`).
const TICK_MS: f64 = 10.0;

/// Peak resident memory in MB (10^6 bytes): `VmHWM`.
pub(super) fn peak_memory(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

/// Page faults of a process so far, those that read the disk included: fields 10 and 12 of the whole line.
pub(super) fn page_faults(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = fields(&stat)?;
    let count = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    Some(count(10)? + count(12)?)
}

/// Files that a process has mapped, in MB (10^6 bytes): the program and its libraries.
pub(super) fn mapped_files(pid: u32) -> Option<f64> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let of_files =
        maps.lines().filter(|line| line.split_whitespace().nth(5).is_some_and(|name| name.starts_with('/')));
    let sizes = of_files.map(|line| {
        let (from, to) = line.split_whitespace().next()?.split_once('-')?;
        Some(u64::from_str_radix(to, 16).ok()? - u64::from_str_radix(from, 16).ok()?)
    });
    Some(sizes.sum::<Option<u64>>()? as f64 / 1e6)
}

/// Whether a process waits for something.
pub(super) fn is_asleep(pid: u32) -> Option<bool> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(fields(&stat)?.first() == Some(&"S"))
}

/// Processor time of a process and its threads that still run, in milliseconds. To the nanosecond where the kernel tells:
/// hundredths of a second are nothing for one of many processes that share a load.
pub(super) fn cpu_ms(pid: u32) -> Option<f64> {
    precise_cpu_ms(pid).or_else(|| Some(times(Path::new(&format!("/proc/{pid}/stat")))?.0))
}

fn precise_cpu_ms(pid: u32) -> Option<f64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
    let nanoseconds = threads.map(|thread| {
        let line = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    });
    Some(nanoseconds.sum::<Option<f64>>()? / 1e6)
}

/// Processor time of this process and all its threads, those that ended included.
pub(super) fn own_cpu_ms() -> Option<f64> {
    Some(times(Path::new("/proc/self/stat"))?.0)
}

/// Processor time of a process and of all its children, those that ended included, in milliseconds: for a server that
/// forks one per connection.
pub(super) fn cpu_with_children_ms(pid: u32) -> Option<f64> {
    let (own, ended) = times(Path::new(&format!("/proc/{pid}/stat")))?;
    Some(own + ended + children(pid).into_iter().filter_map(cpu_ms).sum::<f64>())
}

/// The calling thread's folder in `/proc`.
pub(super) fn this_thread() -> Option<PathBuf> {
    Some(Path::new("/proc").join(fs::read_link("/proc/thread-self").ok()?))
}

/// Processor time of a thread, by its folder.
pub(super) fn thread_cpu_ms(thread: &Path) -> Option<f64> {
    Some(times(&thread.join("stat"))?.0)
}

/// This process's children that run the program at `path`.
pub(super) fn children_of(path: &Path) -> Vec<u32> {
    let runs_it = |id: &u32| fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|exe| exe == path);
    children(std::process::id()).into_iter().filter(runs_it).collect()
}

/// The processes whose parent is `pid`.
fn children(pid: u32) -> Vec<u32> {
    let parent = pid.to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        fs::read_to_string(format!("/proc/{id}/stat"))
            .is_ok_and(|stat| fields(&stat).and_then(|fields| fields.get(1).copied()) == Some(&parent))
    })
    .collect()
}

/// The fields after the name, which stands in parentheses and may hold anything: the state is the first.
fn fields(stat: &str) -> Option<Vec<&str>> {
    Some(stat.rsplit_once(')')?.1.split_whitespace().collect())
}

/// Own time and that of ended children: `utime` to `cstime` are the fields 14 to 17 of the whole line.
fn times(stat: &Path) -> Option<(f64, f64)> {
    let stat = fs::read_to_string(stat).ok()?;
    let fields = fields(&stat)?;
    let ticks = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    Some(((ticks(14)? + ticks(15)?) * TICK_MS, (ticks(16)? + ticks(17)?) * TICK_MS))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        io::{Read, Write},
        process::Stdio,
    };

    use super::*;

    #[test]
    fn a_child_is_found_by_its_program_and_has_memory() {
        let cat = fs::canonicalize("/bin/cat").unwrap();
        let mut command = std::process::Command::new(&cat);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // What it repeats shows that it runs: until `exec` the child is still this program, and just after it, it has no
        // memory worth the name.
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        assert!(children_of(&cat).contains(&child.id()));
        assert!(peak_memory(child.id()).is_some_and(|memory| memory > 0.1));
        assert!(page_faults(child.id()).is_some_and(|faults| faults > 10.0));
        let program = fs::metadata(&cat).unwrap().len() as f64 / 1e6;
        assert!(mapped_files(child.id()).is_some_and(|mapped| mapped > program));
        while is_asleep(child.id()) != Some(true) {
            std::thread::yield_now();
        }
        assert!(cpu_ms(child.id()).is_some());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn this_thread_is_part_of_this_process() {
        let thread = this_thread().unwrap();
        assert!(thread_cpu_ms(&thread).unwrap() <= own_cpu_ms().unwrap() + TICK_MS);
    }
}
