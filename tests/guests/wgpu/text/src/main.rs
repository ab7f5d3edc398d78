//! `glyphon`: paragraphs of shaped text, clipped to their bounds, one of them scaled.

use std::sync::Arc;

use glyphon::{
    Attrs, Buffer, Cache, Color, Family, FontSystem, Metrics, Resolution, Shaping, SwashCache, TextArea, TextAtlas,
    TextBounds, TextRenderer, Viewport, fontdb,
};

const WIDTH: u32 = 384;
const HEIGHT: u32 = 192;
const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8UnormSrgb;
const TEXT: &str = "Glyphs from an atlas: fi, Wörter, 0123456789.\nThe second line is longer than the target is wide, \
                    so it is wrapped, and the end of it lies below the bounds.";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (device, queue) = support::device(wgpu::Features::empty())?;
    // No system fonts: the picture has to be the same everywhere.
    let mut database = fontdb::Database::new();
    database.load_font_source(fontdb::Source::Binary(Arc::new(epaint_default_fonts::UBUNTU_LIGHT)));
    let mut fonts = FontSystem::new_with_locale_and_db("en-US".to_owned(), database);
    let mut swash = SwashCache::new();

    let cache = Cache::new(&device);
    let mut viewport = Viewport::new(&device, &cache);
    viewport.update(&queue, Resolution { width: WIDTH, height: HEIGHT });
    let mut atlas = TextAtlas::new(&device, &queue, &cache, FORMAT);
    let mut renderer = TextRenderer::new(&mut atlas, &device, wgpu::MultisampleState::default(), None);

    let mut buffer = Buffer::new(&mut fonts, Metrics::new(20.0, 26.0));
    buffer.set_size(Some(WIDTH as f32 - 20.0), Some(HEIGHT as f32));
    buffer.set_text(TEXT, &Attrs::new().family(Family::Name("Ubuntu")), Shaping::Advanced, None);
    buffer.shape_until_scroll(&mut fonts, false);

    let area = |top: f32, scale: f32, color: Color| TextArea {
        buffer: &buffer,
        left: 10.0,
        top,
        scale,
        bounds: TextBounds { left: 0, top: 0, right: WIDTH as i32, bottom: top as i32 + 80 },
        default_color: color,
        custom_glyphs: &[],
    };
    let areas = [area(8.0, 1.0, Color::rgb(255, 255, 255)), area(100.0, 0.6, Color::rgba(255, 180, 40, 200))];
    renderer.prepare(&device, &queue, &mut fonts, &mut atlas, &viewport, areas, &mut swash)?;

    let target = support::target_without_storage(&device, WIDTH, HEIGHT, FORMAT);
    let mut encoder = device.create_command_encoder(&Default::default());
    {
        let view = target.create_view(&Default::default());
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color { r: 0.02, g: 0.03, b: 0.1, a: 1.0 }),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..Default::default()
        });
        renderer.render(&atlas, &viewport, &mut pass)?;
    }
    queue.submit([encoder.finish()]);
    atlas.trim();
    support::write_picture(&device, &queue, &target)
}
