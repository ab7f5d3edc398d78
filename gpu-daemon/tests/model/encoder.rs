//! `GPUCommandEncoder`, `GPUCommandBuffer`, and the queue's `submit`.

use airlock_protocol::commands::{command_encoder::*, compute_pass::BeginComputePass, queue::Submit};

use crate::model::{Commands, Encoder, Model, Pass, Stage, Used, Verdict};

impl Model {
    pub fn create_encoder(&mut self, c: &CreateCommandEncoder<'_>) -> Verdict {
        let encoder = Encoder { stage: Stage::Open, valid: true, groups: 0, used: Used::default() };
        self.encoders.insert(c.encoder.0, encoder);
        Some(false)
    }

    /// Records a command: "validate the encoder state", then its own rules, whose violation invalidates the encoder.
    pub fn record(&mut self, encoder: u32, valid: bool, note: impl FnOnce(&mut Used)) -> Verdict {
        let encoder = self.encoders.get_mut(&encoder)?;
        if encoder.stage == Stage::Ended {
            return Some(true);
        }
        encoder.valid &= valid && encoder.stage == Stage::Open;
        note(&mut encoder.used);
        Some(false)
    }

    pub fn encoder_group(&mut self, id: u32, is_push: bool) -> Verdict {
        let encoder = self.encoders.get_mut(&id)?;
        let is_open = encoder.stage == Stage::Open;
        let valid = is_push || encoder.groups > 0;
        if is_open && valid {
            encoder.groups = if is_push { encoder.groups + 1 } else { encoder.groups - 1 };
        }
        self.record(id, valid, |_| {})
    }

    pub fn begin_compute_pass(&mut self, c: &BeginComputePass<'_>) -> Verdict {
        let (pass, ended) = self.begin(c.encoder.0, true, (0, 0), None, |_| {})?;
        self.compute_passes.insert(c.pass.0, pass);
        Some(ended)
    }

    /// Begins a pass, which locks its encoder; returns whether the encoder has ended, which is an immediate error.
    pub fn begin(
        &mut self,
        id: u32,
        valid: bool,
        extent: (u32, u32),
        queries: Option<u32>,
        note: impl FnOnce(&mut Used),
    ) -> Option<(Pass, bool)> {
        let encoder = self.encoders.get_mut(&id)?;
        let ended = encoder.stage == Stage::Ended;
        let begun = encoder.stage == Stage::Open;
        if begun {
            encoder.stage = Stage::Locked;
            note(&mut encoder.used);
        } else if !ended {
            encoder.valid = false;
        }
        let (groups, open_query, asked) = (0, false, Default::default());
        let (shape, read_only, draws, dispatches) = Default::default();
        let pass = Pass {
            encoder: id,
            begun,
            ended: false,
            valid,
            groups,
            extent,
            queries,
            open_query,
            asked,
            shape,
            read_only,
            draws,
            dispatches,
        };
        Some((pass, ended))
    }

    /// A debug group of a pass.
    pub fn pass_group(pass: &mut Pass, is_push: bool) -> Verdict {
        Self::in_pass(pass, |pass| {
            let valid = is_push || pass.groups > 0;
            if valid {
                pass.groups = if is_push { pass.groups + 1 } else { pass.groups - 1 };
            }
            valid
        })
    }

    /// A command of a pass.
    pub fn in_pass(pass: &mut Pass, rule: impl FnOnce(&mut Pass) -> bool) -> Verdict {
        if pass.ended {
            return Some(true);
        }
        let valid = rule(pass);
        pass.valid &= valid;
        Some(false)
    }

    pub fn end_pass(&mut self, id: u32, is_render: bool) -> Verdict {
        let passes = if is_render { &mut self.render_passes } else { &mut self.compute_passes };
        let pass = passes.get_mut(&id)?;
        if pass.ended {
            return Some(true);
        }
        pass.ended = true;
        let valid = pass.valid && pass.groups == 0 && !pass.open_query;
        let encoder = self.encoders.get_mut(&pass.encoder)?;
        // An encoder that was finished while the pass was open has ended with an error.
        if encoder.stage == Stage::Ended {
            return Some(true);
        }
        encoder.stage = Stage::Open;
        encoder.valid &= valid;
        Some(false)
    }

    /// wgpu reports only the first error. If that is a destroyed resource, which in WebGPU fails at the submit, the
    /// errors after it are reported at the submit as well (`wit/README.md`), so that both verdicts are accepted here.
    pub fn finish(&mut self, c: &FinishCommandEncoder<'_>) -> Verdict {
        let used = &self.encoders.get(&c.encoder.0)?.used;
        let unsure = used.buffers.iter().any(|id| self.buffers.get(id).is_some_and(|buffer| buffer.destroyed))
            || used.textures.iter().any(|id| self.textures.get(id).is_some_and(|texture| texture.destroyed))
            || used.query_sets.iter().any(|id| self.query_sets.get(id).is_some_and(|set| set.destroyed));
        self.unsure = unsure;
        let encoder = self.encoders.get_mut(&c.encoder.0)?;
        let valid = encoder.valid && encoder.stage == Stage::Open && encoder.groups == 0;
        // Without another mistake, destroyed resources cause no error here.
        self.unsure &= !valid && encoder.stage != Stage::Ended;
        encoder.stage = Stage::Ended;
        let used = encoder.used.clone();
        self.commands.insert(c.command_buffer.0, Commands { valid, used });
        Some(!valid)
    }

    pub fn submit(&mut self, c: &Submit) -> Verdict {
        let mut valid = true;
        for id in &c.command_buffers {
            let commands = self.commands.get(&id.0)?;
            let used = &commands.used;
            let buffer = |id| self.buffers.get(id).is_some_and(|buffer| !buffer.destroyed && !buffer.mapped);
            let texture = |id| self.textures.get(id).is_some_and(|texture| !texture.destroyed);
            let query_set = |id| self.query_sets.get(id).is_some_and(|set| !set.destroyed);
            valid &= commands.valid
                && used.buffers.iter().all(buffer)
                && used.textures.iter().all(texture)
                && used.query_sets.iter().all(query_set);
        }
        for id in &c.command_buffers {
            let commands = self.commands.get_mut(&id.0)?;
            commands.valid = false;
            let effects = std::mem::take(&mut commands.used.effects);
            for effect in effects.iter().filter(|_| valid) {
                self.apply(effect);
                self.applied += 1;
            }
        }
        Some(!valid)
    }
}
