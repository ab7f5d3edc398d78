//! Chromium without a screen, driven through the pipe of its DevTools protocol: for pages that a test looks at and uses.
#![allow(clippy::expect_used, clippy::panic)]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use crate::{browser::chromium, pictures::Picture, processes::wait_for, programs::LIMIT, scratch};

/// Without a window and without a GPU.
const FLAGS: [&str; 6] = [
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-gpu",
    "--window-size=1000,700",
];

/// The protocol's pipes are descriptors 3 and 4, which a shell makes of the standard streams.
const PIPES: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// A browser with one page.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    calls: u64,
    session: Option<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens a page; `None`, with a message, where there is no Chromium.
    pub fn open(address: &str) -> Option<Browser> {
        let Some(program) = chromium() else {
            eprintln!(
                "skipped: no chromium; scripts/setup --with-chromium installs it, AIRLOCK_CHROMIUM names another"
            );
            return None;
        };
        let profile = scratch();
        let mut command = Command::new("sh");
        command.args(["-c", PIPES, "sh"]).arg(program).arg("--remote-debugging-pipe").args(FLAGS);
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.process_group(0).spawn().expect("a shell");
        let to = child.stdin.take().expect("a pipe");
        let output = child.stdout.take().expect("a pipe");
        let (sender, from) = channel();
        thread::spawn(move || {
            for message in BufReader::new(output).split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else { return };
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Browser { child, to, from, calls: 0, session: None, _profile: profile };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", &target);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        browser.call("Page.enable", &json!({}));
        browser.call("Page.navigate", &json!({ "url": address }));
        Some(browser)
    }

    /// Calls a method of the protocol and waits for its result.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.calls += 1;
        let number = self.calls;
        let mut message = json!({ "id": number, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).expect("the browser listens");
        loop {
            let answer = self.from.recv_timeout(LIMIT).unwrap_or_else(|error| panic!("{method}: {error}"));
            if answer["id"] == number {
                assert!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
    }

    /// The value of an expression of JavaScript; for a promise, the value it resolves to.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.call("Runtime.evaluate", &parameters);
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {}", result["exceptionDetails"]);
        result["result"]["value"].clone()
    }

    /// Waits until the value of an expression passes `is`, and returns it.
    #[track_caller]
    pub fn wait(&mut self, expression: &str, mut is: impl FnMut(&Value) -> bool) -> Value {
        wait_for(expression, LIMIT, || Some(self.value(expression)).filter(|value| is(value)))
    }

    /// A screenshot of the element with this id, as the window shows it.
    #[track_caller]
    pub fn screenshot(&mut self, id: &str) -> Picture {
        let place = format!(
            "(() => {{ const {{ x, y, width, height }} = document.getElementById('{id}').getBoundingClientRect(); \
             return {{ x, y, width, height, scale: 1 }}; }})()"
        );
        let clip = self.value(&place);
        let result = self.call("Page.captureScreenshot", &json!({ "format": "png", "clip": clip }));
        Picture::decode(&base64(result["data"].as_str().expect("a picture")))
    }

    /// A mouse event: `mousePressed`, `mouseMoved` or `mouseReleased`.
    #[track_caller]
    pub fn mouse(&mut self, what: &str, (x, y): (f64, f64)) {
        let held = i32::from(what != "mouseReleased");
        let event = json!({ "type": what, "x": x, "y": y, "button": "left", "buttons": held, "clickCount": 1 });
        self.call("Input.dispatchMouseEvent", &event);
    }

    /// Presses and releases a key.
    #[track_caller]
    pub fn key(&mut self, code: &str, key: &str) {
        for what in ["keyDown", "keyUp"] {
            self.call("Input.dispatchKeyEvent", &json!({ "type": what, "code": code, "key": key }));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Decodes base 64 (RFC 4648) with its padding.
#[track_caller]
fn base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => u32::from(c - b'A'),
        b'a'..=b'z' => u32::from(c - b'a') + 26,
        b'0'..=b'9' => u32::from(c - b'0') + 52,
        b'+' => 62,
        b'/' => 63,
        _ => panic!("{c} is no digit of base 64"),
    };
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = group.iter().fold(0, |bits, &c| bits << 6 | digit(c)) << (6 * (4 - group.len()));
        let [_, all @ ..] = bits.to_be_bytes();
        bytes.extend(all.iter().take(group.len() * 6 / 8));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_length() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar")] {
            assert_eq!(base64(text), bytes.as_bytes());
        }
    }
}
