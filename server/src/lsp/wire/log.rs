//! The log, on standard error: without anyone waiting for somebody to read it. An editor may keep that pipe open and
//! never look.

use std::io::{self, Write as _};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

/// Lines that wait to be read; what comes then is lost.
const WAITING: usize = 1024;

/// How long the last lines may take.
const PATIENCE: Duration = Duration::from_millis(300);

/// Writes lines to standard error, one thread for all.
#[derive(Debug, Clone)]
pub struct Log(SyncSender<Line>);

#[derive(Debug)]
enum Line {
    Text(Vec<u8>),
    /// Says that all before it is written.
    Last(SyncSender<()>),
}

impl Log {
    /// Starts the thread.
    pub fn start() -> Self {
        let (sender, lines) = sync_channel(WAITING);
        std::thread::spawn(move || {
            for line in lines {
                match line {
                    Line::Text(text) => _ = io::stderr().write_all(&text),
                    Line::Last(written) => _ = written.send(()),
                }
            }
        });
        Log(sender)
    }

    /// Waits until everything is written, but not for long.
    pub fn finish(&self) {
        let (written, wait) = sync_channel(1);
        if self.0.try_send(Line::Last(written)).is_ok() {
            let _ = wait.recv_timeout(PATIENCE);
        }
    }
}

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let _ = self.0.try_send(Line::Text(text.to_owned()));
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
