use super::*;
use crate::source::Encoding;
use proptest::prelude::*;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A session of which nothing is trusted, so that nothing is run; and what the editor was told.
struct Room {
    session: Session,
    sender: mpsc::UnboundedSender<Message>,
    messages: mpsc::UnboundedReceiver<Message>,
    told: Arc<Mutex<Vec<Out>>>,
    /// Who waits for an answer, and what was asked.
    waiting: Vec<(String, oneshot::Receiver<Option<lsp::Hover>>)>,
    folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let (sender, messages) = mpsc::unbounded_channel();
        let told = Arc::new(Mutex::new(Vec::new()));
        let telling = told.clone();
        let mail = Mail::new(sender.clone(), move |out| telling.lock().unwrap().push(out));
        let abilities = Abilities {
            encoding: Encoding::Utf8,
            progress: true,
            refresh: true,
            resolve_tooltip: true,
            resolve_location: true,
            markdown_hover: true,
            status: true,
            watch: true,
            resolve_edit: true,
            versioned_edits: true,
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        let folders = vec![folder.path().to_owned()];
        let session = Session::new(mail, abilities, Config::default(), false, folders);
        Room { session, sender, messages, told, waiting: Vec::new(), folder }
    }

    fn uri(&self, name: &str) -> lsp::Url {
        lsp::Url::from_file_path(self.folder.path().join(name)).unwrap()
    }

    /// As [`Session::run`] does, but settles twice.
    fn hear(&mut self, message: Message) {
        self.session.handle(message);
        self.session.settle(true);
        let told = self.told.lock().unwrap().len();
        self.session.settle(true);
        assert_eq!(self.told.lock().unwrap().len(), told, "doing it twice is doing it once");
    }

    /// Hears all that it is told from other threads, until nothing more comes that it waits for.
    async fn hear_all(&mut self) {
        while self.session.context.documents.is_looking_up_any() || self.session.projects.is_opening() {
            let message = tokio::time::timeout(Duration::from_secs(20), self.messages.recv()).await;
            self.hear(message.expect("it is not left waiting").expect("it can send messages itself"));
        }
    }

    fn event(&mut self, event: &Event) {
        let message = match event {
            Event::Open(name) => Message::Open(lsp::TextDocumentItem {
                uri: self.uri(name),
                language_id: "rust".to_owned(),
                version: 0,
                text: String::new(),
            }),
            Event::Type(name, text) => Message::Change(lsp::DidChangeTextDocumentParams {
                text_document: lsp::VersionedTextDocumentIdentifier { uri: self.uri(name), version: 1 },
                content_changes: vec![lsp::TextDocumentContentChangeEvent {
                    range: None,
                    range_length: None,
                    text: text.clone(),
                }],
            }),
            Event::Save(name) => Message::Save(self.uri(name)),
            Event::Close(name) => Message::Close(self.uri(name)),
            Event::Hover(name) => {
                let (reply, answer) = oneshot::channel();
                self.waiting.push(((*name).to_owned(), answer));
                Message::Hover(self.uri(name), lsp::Position::default(), reply)
            }
            Event::ProjectFile => Message::ProjectFilesChanged(vec![self.folder.path().join("Cargo.toml")]),
            Event::Rebuild => Message::Rebuild,
        };
        self.hear(message);
    }
}

/// What an editor does.
#[derive(Debug, Clone)]
enum Event {
    Open(&'static str),
    Type(&'static str, String),
    Save(&'static str),
    Close(&'static str),
    Hover(&'static str),
    ProjectFile,
    Rebuild,
}

fn event() -> impl Strategy<Value = Event> {
    let name = || prop_oneof![Just("a.rs"), Just("b.rs"), Just("c.txt")];
    prop_oneof![
        name().prop_map(Event::Open),
        (name(), "[a-z]{0,4}").prop_map(|(name, text)| Event::Type(name, text)),
        name().prop_map(Event::Save),
        name().prop_map(Event::Close),
        name().prop_map(Event::Hover),
        Just(Event::ProjectFile),
        Just(Event::Rebuild),
    ]
}

/// The texts that an editor has open after this.
fn open_after(events: &[Event]) -> Vec<(&'static str, String)> {
    let mut open = std::collections::BTreeMap::new();
    for event in events {
        match event {
            Event::Open(name) => _ = open.insert(*name, String::new()),
            Event::Type(name, text) => {
                open.entry(name).and_modify(|known| known.clone_from(text));
            }
            Event::Close(name) => _ = open.remove(name),
            _ => {}
        }
    }
    open.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Messages about a document wait while its file is looked up: none is lost, they keep their order, all requests are
    /// answered, and so is who waits for the end.
    #[test]
    fn whatever_an_editor_does(events in proptest::collection::vec(event(), 0..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut room = Room::new();
            room.hear(Message::Initialized);
            events.iter().for_each(|event| room.event(event));
            room.hear_all().await;
            let mut open: Vec<(String, String)> = Vec::new();
            for (uri, document) in room.session.context.documents.iter() {
                let name = uri.path().rsplit('/').next().unwrap_or_default();
                open.push((name.to_owned(), document.outline.text().to_string()));
                assert!(document.file.is_some(), "{uri}");
            }
            open.sort();
            let expected = open_after(&events);
            assert!(open.iter().map(|(name, text)| (&**name, text)).eq(expected.iter().map(|(n, t)| (*n, t))), "{open:?}");
            for (name, mut answer) in std::mem::take(&mut room.waiting) {
                assert!(answer.try_recv().is_ok(), "nobody has answered about {name}");
            }
            let (reply, mut answer) = oneshot::channel();
            room.hear(Message::Shutdown(reply));
            assert!(answer.try_recv().is_ok(), "who waits for the end");
        });
    }
}

/// Until it is known which file a document is, hints wait, also those of an editor that could be told later.
#[tokio::test]
async fn requests_wait_until_the_file_is_known() {
    let mut room = Room::new();
    room.event(&Event::Open("a.rs"));
    room.event(&Event::Hover("a.rs"));
    let (_, mut answer) = room.waiting.pop().unwrap();
    assert!(answer.try_recv().is_err());
    room.event(&Event::Hover("b.rs"));
    let (_, mut other) = room.waiting.pop().unwrap();
    assert!(other.try_recv().is_ok(), "that one waits for nothing");
    room.hear_all().await;
    assert!(answer.try_recv().is_ok());
    drop(room.sender);
}

/// An edit of several files names the version of each that is open: an editor that has changed it refuses the edit.
#[tokio::test]
async fn an_edit_waits_until_each_open_file_is_known() {
    let mut room = Room::new();
    room.event(&Event::Open("a.rs"));
    room.hear_all().await;
    let action =
        lsp::CodeAction { data: Some(serde_json::json!({ "uri": room.uri("a.rs") })), ..Default::default() };
    let (reply, mut answer) = oneshot::channel();
    room.event(&Event::Open("b.rs"));
    room.hear(Message::ResolveAction(Box::new(action), None, reply));
    let is_waiting =
        |answer: &mut oneshot::Receiver<_>| answer.try_recv() == Err(oneshot::error::TryRecvError::Empty);
    assert!(is_waiting(&mut answer), "it is not known which file b.rs is");
    room.hear_all().await;
    assert!(!is_waiting(&mut answer));
}

/// Who asks for everything after a save finds that a build is due, or its numbers: not those from before it.
#[tokio::test]
async fn a_report_waits_until_each_save_before_it_is_heard() {
    let mut room = Room::new();
    room.event(&Event::Open("a.rs"));
    room.event(&Event::Open("b.rs"));
    room.hear_all().await;
    let ask = |room: &mut Room| {
        let (reply, answer) = oneshot::channel();
        room.hear(Message::Report(reply));
        answer
    };
    assert!(ask(&mut room).try_recv().is_ok(), "nothing is looked up");
    room.event(&Event::Save("a.rs"));
    room.event(&Event::Save("b.rs"));
    let mut answer = ask(&mut room);
    let first = room.messages.recv().await.unwrap();
    room.hear(first);
    assert!(answer.try_recv().is_err(), "the other save was not heard yet");
    room.hear_all().await;
    assert!(answer.try_recv().is_ok());
}
