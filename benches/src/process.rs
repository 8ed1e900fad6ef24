//! What a process and its children have used of the processor.

use std::{collections::VecDeque, fs, time::Duration};

/// Ticks a second of `/proc/PID/stat`: what Linux tells programs on every platform of ours (`sysconf(_SC_CLK_TCK)`).
const TICKS_PER_S: u64 = 100;

/// The processor time of the process, its living children and theirs, and of the dead that were waited for.
#[must_use]
pub fn cpu_of(id: u32) -> Duration {
    let (mut ticks, mut queue) = (0, VecDeque::from([id]));
    while let Some(process) = queue.pop_front() {
        // Any of them may end while it is looked at.
        let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
        // The name may hold spaces; behind it come the fields from the third on: utime, stime, cutime, cstime are 14 to 17.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        ticks += fields.skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
        for task in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            queue.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    Duration::from_millis(ticks * 1_000 / TICKS_PER_S)
}
