//! What ends the server besides its editor's word: the system, and the end of the editor itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(unix)]
use std::thread::JoinHandle;
use tokio::sync::mpsc;
use tower_lsp::jsonrpc::Request;
use waitpid_any::WaitHandle;

/// Reaches the server's end from anywhere.
#[derive(Debug, Clone)]
pub struct Ending {
    tell: mpsc::UnboundedSender<u8>,
    shut_down: Arc<AtomicBool>,
}

impl Ending {
    /// The other half gets the exit status when the server is to end.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<u8>) {
        let (tell, told) = mpsc::unbounded_channel();
        (Ending { tell, shut_down: Arc::default() }, told)
    }

    /// Takes note of what the editor says.
    pub fn hear(&self, request: &Request) {
        match request.method() {
            "initialize" => {
                let id = request.params().and_then(|params| params["processId"].as_i64());
                if let Some(id) = id.and_then(|id| i32::try_from(id).ok()).filter(|id| *id > 0) {
                    self.watch(id);
                }
            }
            "shutdown" => self.shut_down.store(true, Ordering::Relaxed),
            "exit" => _ = self.tell.send(self.code()),
            _ => {}
        }
    }

    /// The exit status if the editor is gone: no failure if it has said before that it would go.
    pub fn code(&self) -> u8 {
        u8::from(!self.shut_down.load(Ordering::Relaxed))
    }

    /// Ends the server with the editor: its pipes may stay open in another program that has inherited them.
    ///
    /// An editor in another container or on another machine has a number that means nothing here. If it is nobody's,
    /// nobody is watched.
    fn watch(&self, editor: i32) {
        let Ok(mut handle) = WaitHandle::open(editor) else { return };
        let ending = self.clone();
        std::thread::spawn(move || {
            while let Err(error) = handle.wait() {
                if error.kind() != std::io::ErrorKind::Interrupted {
                    return;
                }
            }
            let _ = ending.tell.send(ending.code());
        });
    }

    /// Ends the server, and what it has made for a while, when the system asks for it; for as long as the value lives.
    #[cfg(unix)]
    pub fn listen_to_system(&self) -> Listening {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM]) else {
            return Listening(None);
        };
        let (tell, handle) = (self.tell.clone(), signals.handle());
        let listener = std::thread::spawn(move || {
            // As a shell puts it.
            signals.forever().for_each(|signal| _ = tell.send(128 + signal as u8));
            signals
        });
        Listening(Some((handle, listener)))
    }

    /// Other systems say nothing; the guards of what runs see to it.
    #[cfg(not(unix))]
    pub fn listen_to_system(&self) -> Listening {
        Listening
    }
}

/// Somebody listens to the system. Who listens is woken up through a pipe, whose other end has to be open until then:
/// it is with what the thread returns.
#[cfg(unix)]
pub struct Listening(Option<(signal_hook::iterator::Handle, JoinHandle<signal_hook::iterator::Signals>)>);

/// Nobody listens to the system.
#[cfg(not(unix))]
pub struct Listening;

#[cfg(unix)]
impl Drop for Listening {
    fn drop(&mut self) {
        self.0.iter().for_each(|(handle, _)| handle.close());
    }
}
