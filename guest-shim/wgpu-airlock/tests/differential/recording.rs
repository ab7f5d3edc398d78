//! The commands of an encoder, its passes and bundles.

use wgpu::{BufferUsages, TextureFormat};

use crate::generate::Generator;
use crate::known::{Group, Texture};
use crate::op::{Command, Compute, Counts, Draw};

impl Generator {
    pub fn draws(&mut self, target: TextureFormat, samples: u32, counts: &Counts) -> Vec<Draw> {
        let mut draws = Vec::new();
        let pipeline = self.object(|known| &known.render_pipelines, |p| p.target == target && p.samples == samples);
        if !self.mistake() {
            draws.push(Draw::Pipeline(pipeline));
        }
        let code = self.known.render_pipelines.get(pipeline).copied().flatten().map_or(2, |pipeline| pipeline.code);
        if code > 2 {
            let group = self.object(|known| &known.groups, |group| group.owner == Some((false, pipeline)));
            draws.push(Draw::Group(0, Some(group), self.dynamic(group)));
        }
        if code == 3 {
            draws.push(Draw::Vertex(0, Some(self.buffer(BufferUsages::VERTEX)), 0));
        }
        for _ in 0..self.random.below(5) {
            draws.push(match self.random.below(14) {
                0 => Draw::Group(self.usual(&[0, 1], &[9]), None, Vec::new()),
                1 => Draw::Index(self.buffer(BufferUsages::INDEX), self.usual(&[0, 16], &[3]), self.random.one_in(2)),
                2 => Draw::Vertex(self.usual(&[0, 1], &[99]), Some(self.buffer(BufferUsages::VERTEX)), 0),
                3 | 4 => Draw::Draw(self.random.pick(&[0, 3, 4, 6]), self.random.pick(&[1, 1, 0, 2])),
                5 => Draw::DrawIndexed(self.random.pick(&[0, 3, 6]), self.random.pick(&[0, 0, -1])),
                6 => Draw::Indirect(
                    self.buffer(BufferUsages::INDIRECT),
                    self.usual(&[0, 16], &[3]),
                    self.random.one_in(3),
                ),
                7 => Draw::MultiIndirect(self.buffer(BufferUsages::INDIRECT), 0, self.random.pick(&[0, 1, 3])),
                8 => Draw::Viewport([0.0, 0.0, self.usual(&[4.0], &[-1.0]), 4.0, 0.0, self.usual(&[1.0, 0.5], &[2.0])]),
                9 => Draw::Scissor([0, 0, self.usual(&[1, 4], &[99]), 1]),
                10 => Draw::Blend(0.5),
                11 => Draw::Stencil(1),
                12 if self.mistake() => Draw::Occlusion(Some(99)),
                12 => Draw::Debug(true),
                _ => Draw::Bundles(if counts.bundles == 0 {
                    Vec::new()
                } else {
                    vec![self.random.below(counts.bundles)]
                }),
            });
        }
        draws.push(Draw::Draw(3, 1));
        let open = draws.iter().filter(|draw| matches!(draw, Draw::Debug(true))).count();
        let open = if self.mistake() { 1 } else { open };
        draws.extend((0..open).map(|_| Draw::Debug(false)));
        draws
    }

    fn compute(&mut self) -> Vec<Compute> {
        let mut commands = Vec::new();
        if !self.mistake() {
            let owned = |group: &Group| group.owner.is_some_and(|(compute, _)| compute);
            let group = self.object(|known| &known.groups, owned);
            let owner = self.known.groups.get(group).copied().flatten().and_then(|group| group.owner);
            let any = self.object(|known| &known.compute_pipelines, |_| true);
            commands.push(Compute::Pipeline(owner.map_or(any, |(_, pipeline)| pipeline)));
            commands.push(Compute::Group(0, Some(group), self.dynamic(group)));
        }
        for _ in 0..self.random.below(3) {
            commands.push(match self.random.below(6) {
                0 if self.mistake() => Compute::Pipeline(self.random.below(2)),
                1..=3 => Compute::Dispatch([self.usual(&[0, 1, 4], &[70_000]), 1, 1]),
                4 => Compute::Indirect(self.buffer(BufferUsages::INDIRECT), self.usual(&[0, 16], &[3])),
                _ if self.mistake() => Compute::Immediates(self.random.pick(&[0, 4, 3]), self.random.pick(&[4, 8, 5])),
                _ => Compute::Dispatch([2, 1, 1]),
            });
        }
        commands.push(Compute::Dispatch([2, 1, 1]));
        if self.random.one_in(6) {
            commands.insert(0, Compute::Debug(true));
            if !self.mistake() {
                commands.push(Compute::Debug(false));
            }
        }
        commands
    }

    fn command(&mut self, counts: &Counts) -> Command {
        let copied = |texture: &Texture| texture.samples == 1 && texture.texel == 4;
        match self.random.below(13) {
            0 | 1 => Command::CopyBuffer {
                from: (self.buffer(BufferUsages::COPY_SRC), self.usual(&[0, 16, 128], &[3, 1 << 20])),
                to: (self.buffer(BufferUsages::COPY_DST), self.usual(&[0, 16, 128], &[3, 1 << 20])),
                size: self.usual(&[Some(4), Some(16), Some(64)], &[None, Some(3), Some(1 << 20)]),
            },
            2 => {
                let (to, size) = self.place(copied);
                let from = self.buffer(BufferUsages::COPY_SRC);
                Command::BufferToTexture { from, layout: self.data_layout(), to, size: self.part(size) }
            }
            3 => {
                let (from, size) = self.place(copied);
                let to = self.buffer(BufferUsages::COPY_DST);
                Command::TextureToBuffer { from, to, layout: self.data_layout(), size: self.part(size) }
            }
            4 => {
                let (from, size) = self.place(copied);
                let format = self.known.textures.get(from.texture).copied().flatten().map(|texture| texture.format);
                let (to, room) = self.place(|texture| Some(texture.format) == format);
                let size = [size[0].min(room[0]), size[1].min(room[1]), size[2].min(room[2])];
                Command::TextureToTexture { from, to, size: self.part(size) }
            }
            5 => Command::Clear {
                buffer: self.buffer(BufferUsages::COPY_DST),
                offset: self.usual(&[0, 16], &[3, 1 << 20]),
                size: self.usual(&[Some(8), Some(64)], &[None, Some(3)]),
            },
            6 if counts.query_sets > 0 => Command::Resolve {
                set: self.object(|known| &known.query_sets, |_| true),
                queries: (0, self.usual(&[1], &[2, 99])),
                to: (self.buffer(BufferUsages::QUERY_RESOLVE), self.usual(&[0, 256], &[16])),
            },
            6 => Command::Group(true),
            7..=9 => Command::Compute(self.compute()),
            _ => {
                let view = self.object(|known| &known.views, |view| view.is_target && !view.format.has_depth_aspect());
                let known = self.known.views.get(view).copied().flatten();
                let (format, samples) =
                    known.map_or((TextureFormat::Rgba8Unorm, 1), |view| (view.format, view.samples));
                let size = known.map_or([0; 3], |view| view.size);
                let resolve = (samples > 1 && self.random.one_in(2) || self.mistake()).then(|| {
                    self.object(
                        |known| &known.views,
                        |view| view.format == format && view.samples == 1 && view.size == size,
                    )
                });
                let depth = self.mistake().then(|| {
                    self.object(|known| &known.views, |view| view.format.has_depth_aspect() && view.size == size)
                });
                let occlusion = (counts.query_sets > 0 && self.random.one_in(4))
                    .then(|| self.object(|known| &known.query_sets, |_| true));
                let mut commands = self.draws(format, samples, counts);
                if occlusion.is_some() {
                    commands.insert(0, Draw::Occlusion(Some(0)));
                    commands.push(Draw::Occlusion(None));
                }
                Command::Render { view, resolve, depth, occlusion, clear: self.random.one_in(2), commands }
            }
        }
    }

    pub fn commands(&mut self, counts: &Counts) -> Vec<Command> {
        let mut commands: Vec<_> = (0..1 + self.random.below(4)).map(|_| self.command(counts)).collect();
        let open = commands.iter().filter(|command| matches!(command, Command::Group(true))).count();
        let open = if self.mistake() { 1 } else { open };
        commands.extend((0..open).map(|_| Command::Group(false)));
        commands
    }
}
