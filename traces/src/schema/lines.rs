//! Text lines of batches.

use std::fmt::Write as _;

use airlock_protocol::codec::{BatchReader, DecodeError};
use thiserror::Error;

use crate::schema::notation::{self, NotationError};

/// A batch without a text.
#[derive(Debug, Error)]
pub enum LinesError {
    /// The bytes are invalid, or not the next batch.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A command's fields have no text.
    #[error("command {number}: {cause}")]
    Notation {
        /// The command's number in the session.
        number: u64,
        /// The cause.
        cause: NotationError,
    },
}

/// Writes the commands of one session as text. It counts batches and commands, so that each session needs its own.
#[derive(Debug, Default)]
pub struct CommandLines {
    /// The sequence number that the next batch must have.
    batch: u64,
    /// The next command's number.
    command: u64,
}

impl CommandLines {
    /// Appends one line per command of the next batch; `batch` are its bytes, header included.
    ///
    /// After an error, `text` has the lines of the commands before the invalid one.
    pub fn batch(&mut self, batch: &[u8], text: &mut String) -> Result<(), LinesError> {
        let mut commands = BatchReader::new(batch, self.batch)?;
        self.batch = self.batch.wrapping_add(1);
        while let Some(command) = commands.next()? {
            // Writing to a string cannot fail.
            let _ = write!(text, "{} ", self.command);
            let written = notation::write(&command, text);
            text.push('\n');
            written.map_err(|cause| LinesError::Notation { number: self.command, cause })?;
            self.command = self.command.wrapping_add(1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlock_protocol::{
        Command, Payload,
        codec::BatchWriter,
        commands::{buffer::*, queue::*, render_pass::*, session::*, shader::CreateShaderModule, texture::*},
        ids::*,
    };

    fn batch(writer: &mut BatchWriter, commands: &[Command<'_>]) -> Vec<u8> {
        for command in commands {
            writer.push(command).unwrap();
        }
        writer.finish(<[u8]>::to_vec)
    }

    fn lines(commands: &[Command<'_>]) -> String {
        let mut text = String::new();
        CommandLines::default().batch(&batch(&mut BatchWriter::default(), commands), &mut text).unwrap();
        text
    }

    #[test]
    fn golden_lines() {
        let source = "@compute @workgroup_size(64)\nfn main() { /* a shader that is longer than a line should be */ }";
        let text = lines(&[
            CreateBuffer {
                device: DeviceId(0),
                buffer: BufferId(3),
                label: "vertices",
                size: 1024,
                usage: BufferUsage::COPY_DST | BufferUsage::VERTEX,
                mapped_at_creation: false,
            }
            .into(),
            WriteBuffer { device: DeviceId(0), buffer: BufferId(3), offset: 16, data: Payload::Inline(&[7; 300]) }
                .into(),
            WriteBuffer {
                device: DeviceId(0),
                buffer: BufferId(3),
                offset: 0,
                data: Payload::Shared { start: 65536, len: 20000 },
            }
            .into(),
            CreateShaderModule { device: DeviceId(0), module: ShaderModuleId(1), label: "", code: source }.into(),
            BeginRenderPass {
                encoder: CommandEncoderId(2),
                pass: RenderPassId(0),
                label: "",
                color_attachments: vec![
                    None,
                    Some(ColorAttachment {
                        view: TextureViewId(5),
                        depth_slice: None,
                        resolve_target: Some(TextureViewId(6)),
                        clear_value: [0.0, 0.25, 1.0, f64::NAN],
                        load_op: LoadOp::Clear,
                        store_op: StoreOp::Store,
                    }),
                ],
                depth_stencil_attachment: None,
                occlusion_query_set: None,
                timestamp_writes: None,
            }
            .into(),
            RenderPassSetBindGroup { pass: RenderPassId(0), index: 1, bind_group: None, dynamic_offsets: vec![0, 256] }
                .into(),
            CreateTextureView {
                texture: TextureId(0),
                view: TextureViewId(5),
                label: "say \"hi\"\u{1b}[31m\n",
                format: None,
                dimension: Some(TextureViewDimension::D2Array),
                usage: Some(TextureUsage::empty()),
                aspect: TextureAspect::All,
                base_mip_level: 0,
                mip_level_count: None,
                base_array_layer: 0,
                array_layer_count: Some(2),
            }
            .into(),
            DropObject { object: Object::QuerySet(QuerySetId(9)) }.into(),
        ]);
        let golden = "\
0 CreateBuffer device=0 buffer=3 label=\"vertices\" size=1024 usage=COPY_DST|VERTEX mapped_at_creation=false
1 WriteBuffer device=0 buffer=3 offset=16 data=Inline(<300 bytes>)
2 WriteBuffer device=0 buffer=3 offset=0 data=Shared{start=65536,len=20000}
3 CreateShaderModule device=0 module=1 label=\"\" code=\"@compute @workgroup_size(64)\\nfn main() { /* a shader that \
                      is\"...(94 bytes)
4 BeginRenderPass encoder=2 pass=0 label=\"\" color_attachments=[-,{view=5,depth_slice=-,resolve_target=6,\
                      clear_value=(0.0,0.25,1.0,NaN),load_op=Clear,store_op=Store}] depth_stencil_attachment=- \
                      occlusion_query_set=- timestamp_writes=-
5 RenderPassSetBindGroup pass=0 index=1 bind_group=- dynamic_offsets=[0,256]
6 CreateTextureView texture=0 view=5 label=\"say \\\"hi\\\"\\u{1b}[31m\\n\" format=- dimension=D2Array usage=0 aspect=All \
                      base_mip_level=0 mip_level_count=- base_array_layer=0 array_layer_count=2
7 DropObject object=QuerySet(9)
";
        assert_eq!(text, golden);
    }

    #[test]
    fn numbers_go_on_from_batch_to_batch() {
        let end = || [EndRenderPass { pass: RenderPassId(0) }.into()];
        let (mut writer, mut reader, mut text) = (BatchWriter::default(), CommandLines::default(), String::new());
        for _ in 0..2 {
            reader.batch(&batch(&mut writer, &end()), &mut text).unwrap();
        }
        assert_eq!(text, "0 EndRenderPass pass=0\n1 EndRenderPass pass=0\n");
    }

    #[test]
    fn what_can_be_read_is_written() {
        let mut bytes = batch(
            &mut BatchWriter::default(),
            &[EndRenderPass { pass: RenderPassId(0) }.into(), DestroyBuffer { buffer: BufferId(1) }.into()],
        );
        bytes.pop();
        let length = u32::try_from(bytes.len() - 16).unwrap();
        bytes[8..12].copy_from_slice(&length.to_le_bytes());
        let mut text = String::new();
        let error = CommandLines::default().batch(&bytes, &mut text).unwrap_err();
        assert_eq!(text, "0 EndRenderPass pass=0\n");
        assert!(error.to_string().contains("command 1"), "{error}");
    }

    #[test]
    fn a_batch_out_of_order_is_an_error() {
        let (mut writer, mut text) = (BatchWriter::default(), String::new());
        batch(&mut writer, &[]);
        let second = batch(&mut writer, &[]);
        let error = CommandLines::default().batch(&second, &mut text).unwrap_err();
        assert_eq!(error.to_string(), "batch 1 arrives where batch 0 is expected");
    }
}
