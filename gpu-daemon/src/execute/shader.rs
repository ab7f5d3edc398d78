//! `GPUShaderModule`.

use std::{borrow::Cow, ops::Range, rc::Rc};

use airlock_protocol::{
    Event,
    commands::shader::{CompilationMessage, CompilationMessageType, CreateShaderModule, GetCompilationInfo},
    limits::{MAX_MESSAGE, MAX_SHADER_SOURCE, cut},
};
use wgpu_core::{
    id,
    pipeline::{CreateShaderModuleError, ShaderModuleDescriptor, ShaderModuleSource},
};
use wgpu_types::ShaderRuntimeChecks;

use crate::{
    convert,
    gpu::{
        device::Device,
        objects::{Object, ShaderModule},
        refusal::Refusal,
        violation::{Outcome, Violation},
    },
    session::Session,
    shaders::{self, Refused},
    worker::vitals::Phase,
};

use super::shader_bounds;

impl Session {
    pub(super) fn create_shader_module(&mut self, c: CreateShaderModule<'_>) -> Outcome {
        const CALL: &str = "GPUDevice.createShaderModule";
        if c.code.len() > MAX_SHADER_SOURCE {
            return Err(Violation::Shader { found: c.code.len() });
        }
        let device = Rc::clone(self.devices.get(c.device)?);
        self.shader_modules.free(c.module)?;
        if let Some(refusal) = self.shader_modules.refusal() {
            self.out_of_memory(&device, CALL, c.label, &refusal);
            return self.void_module(device, &c, &refusal);
        }
        if let Some(refusal) = self.refuse_source(c.code) {
            self.refused();
            device.invalid(CALL, c.label, &refusal.to_string());
            return self.void_module(device, &c, &refusal);
        }
        let (features, downlevel) =
            (device.global.device_features(device.id), device.global.device_downlevel_properties(device.id).flags);
        let made = self.vitals.during(Phase::Compile, || {
            let code = shaders::read(c.code, c.label, features, downlevel)?;
            // All checks: bounds, endless loops, division. They confine a guest's shader to its own memory.
            let runtime_checks = ShaderRuntimeChecks::checked();
            let descriptor = ShaderModuleDescriptor { label: convert::label(c.label), runtime_checks };
            let groups = device.global.device_limits(device.id).max_bind_groups;
            let source = ShaderModuleSource::Naga(shaders::for_wgpu(&code, groups));
            Ok((device.global.device_create_shader_module(device.id, &descriptor, source, None), code))
        });
        let (id, messages, code) = match made {
            Ok(((id, None), code)) => (id, vec![], Some(Rc::new(code))),
            Ok(((id, Some(error)), _)) => {
                device.report(CALL, c.label, &error);
                (id, messages(&error, c.code), None)
            }
            Err(Refused::Compiler(error)) => {
                device.report(CALL, c.label, &*error);
                (void_module(&device, c.label), messages(&error, c.code), None)
            }
            Err(Refused::Rule(reason, place)) => {
                device.invalid(CALL, c.label, &reason);
                (void_module(&device, c.label), vec![message(&reason, c.code, place)], None)
            }
        };
        self.shader_modules.insert(c.module, ShaderModule { object: Object { id, device }, messages, code })
    }

    fn refuse_source(&self, code: &str) -> Option<Refusal> {
        let (bytes, max) = (code.len() as u64, self.quotas.max_shader_source);
        if bytes > max.0 {
            Some(Refusal::Shader { bytes, max })
        } else {
            shader_bounds::excess(code).map(Refusal::Source)
        }
    }

    /// Creates an invalid module in place of a rejected one.
    fn void_module(&mut self, device: Rc<Device>, c: &CreateShaderModule<'_>, refusal: &Refusal) -> Outcome {
        let id = void_module(&device, c.label);
        let messages = vec![message(&refusal.to_string(), c.code, None)];
        self.shader_modules.insert(c.module, ShaderModule { object: Object { id, device }, messages, code: None })
    }

    pub(super) fn get_compilation_info(&mut self, c: GetCompilationInfo) -> Outcome {
        let messages = self.shader_modules.get(c.module)?.messages.clone();
        self.completions.events.send(&Event::CompilationInfo { request: c.request, messages });
        Ok(())
    }
}

/// Creates an invalid module in wgpu.
pub(super) fn void_module(device: &Device, label: &str) -> id::ShaderModuleId {
    let runtime_checks = ShaderRuntimeChecks::checked();
    let descriptor = ShaderModuleDescriptor { label: convert::label(label), runtime_checks };
    // Invalid WGSL: wgpu refuses it, and the error is dropped.
    let source = ShaderModuleSource::Wgsl(Cow::Borrowed("?"));
    device.global.device_create_shader_module(device.id, &descriptor, source, None).0
}

/// Compilation messages: short, with the position in separate fields.
fn messages(error: &CreateShaderModuleError, code: &str) -> Vec<CompilationMessage> {
    match error {
        CreateShaderModuleError::Parsing(error) => {
            let inner = &error.inner;
            let mut text = inner.message().to_owned();
            for note in inner.notes() {
                text.push_str("\nnote: ");
                text.push_str(note);
            }
            let span = inner.labels().find_map(|(span, _)| span.to_range());
            vec![message(&text, code, span)]
        }
        CreateShaderModuleError::Validation(error) => {
            let inner = &error.inner;
            let mut text = inner.to_string();
            let mut source = std::error::Error::source(inner.as_ref());
            while let Some(cause) = source {
                text.push_str(": ");
                text.push_str(&cause.to_string());
                source = cause.source();
            }
            let span = inner.spans().find_map(|(span, _)| span.to_range());
            vec![message(&text, code, span)]
        }
        // Raised in the error scopes only: these are not compiler messages.
        CreateShaderModuleError::Device(_) | CreateShaderModuleError::Generation => Vec::new(),
        // wgpu's enum is non-exhaustive.
        other => vec![message(&other.to_string(), code, None)],
    }
}

fn message(text: &str, code: &str, span: Option<Range<usize>>) -> CompilationMessage {
    let place = span.and_then(|span| Place::find(code, span)).unwrap_or_default();
    CompilationMessage {
        message: cut(text, MAX_MESSAGE).to_owned(),
        ty: CompilationMessageType::Error,
        line_num: place.line,
        line_pos: place.column,
        offset: place.offset,
        length: place.length,
    }
}

/// Source position in WebGPU's units: lines by WGSL's line breaks and columns from 1, all else in UTF-16 code units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    line: u64,
    column: u64,
    offset: u64,
    length: u64,
}

impl Place {
    /// Finds the position of a byte range; `None` if it is not in the source.
    fn find(code: &str, span: Range<usize>) -> Option<Self> {
        let before = code.get(..span.start)?;
        let inside = code.get(span)?;
        let mut line: u64 = 1;
        let mut line_start = 0;
        let mut characters = before.char_indices().peekable();
        while let Some((_, character)) = characters.next() {
            // WGSL, "Blankspace and line breaks".
            let breaks = match character {
                '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => true,
                // A following line feed counts for both.
                '\r' => characters.peek().is_none_or(|&(_, next)| next != '\n'),
                _ => false,
            };
            if breaks {
                line = line.saturating_add(1);
                line_start = characters.peek().map_or(before.len(), |&(start, _)| start);
            }
        }
        Some(Self {
            line,
            column: units(before.get(line_start..)?).saturating_add(1),
            offset: units(before),
            length: units(inside),
        })
    }
}

/// Length in UTF-16 code units.
fn units(text: &str) -> u64 {
    text.chars().map(|character| character.len_utf16() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(code: &str, what: &str) -> Option<Place> {
        let start = code.find(what)?;
        Place::find(code, start..start + what.len())
    }

    #[test]
    fn columns_count_utf16_units_and_not_bytes() {
        // Two bytes and one unit; three bytes and one unit; four bytes and two units.
        let expected = Place { line: 1, column: 8, offset: 7, length: 3 };
        assert_eq!(place("/*é€𝄞*/bad", "bad"), Some(Place { line: 1, column: 9, offset: 8, length: 3 }));
        assert_eq!(place("/*é€*/ bad", "bad"), Some(expected));
        assert_eq!(place("a 𝄞𝄞", "𝄞𝄞").map(|place| place.length), Some(4));
    }

    #[test]
    fn lines_break_where_wgsl_breaks_them() {
        assert_eq!(place("a\nb\r\nc\rd\u{2028}bad", "bad").map(|place| (place.line, place.column)), Some((5, 1)));
        assert_eq!(place("a\r\n\r\n  bad", "bad").map(|place| (place.line, place.column)), Some((3, 3)));
        assert_eq!(place("\u{85}é bad", "bad").map(|place| (place.line, place.column)), Some((2, 3)));
    }

    #[test]
    fn a_range_outside_the_source_has_no_place() {
        assert_eq!(Place::find("abc", 2..9), None);
        assert_eq!(Place::find("é", 1..2), None);
        assert_eq!(Place::find("abc", 3..3), Some(Place { line: 1, column: 4, offset: 3, length: 0 }));
    }
}
