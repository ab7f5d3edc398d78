//! Fuzz target: any text as a shader, through the bounds on its text, naga's front end and validator, and its SPIR-V writer.
//!
//! The bounds count tokens with a lexer of their own. Where it differs from naga's, a shader passes them that overflows naga's
//! stack, which ends this process as it would end a worker. A panic of naga is an error of the shader, not a finding.
#![no_main]

use std::{sync::mpsc, thread};

use gpu_daemon::fuzzing::{STACK, compile};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static COMPILER: Compiler = Compiler::start();
}

/// The thread that compiles: libFuzzer's own has a shorter stack than a worker's.
struct Compiler {
    texts: mpsc::Sender<String>,
    done: mpsc::Receiver<()>,
}

impl Compiler {
    fn start() -> Self {
        let ((texts, taken), (tell, done)) = (mpsc::channel::<String>(), mpsc::channel());
        let work = move || {
            for text in taken {
                compile(&text);
                if tell.send(()).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().stack_size(STACK).spawn(work).expect("a thread");
        Self { texts, done }
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    COMPILER.with(|compiler| {
        compiler.texts.send(text.to_owned()).expect("the compiler runs");
        compiler.done.recv().expect("the compiler returns");
    });
});
