//! A scene of `vello`, and its renderer: for the program, and for the test of `wgpu-airlock` that kills its driver.

use std::error::Error;
use std::num::NonZeroUsize;

use skrifa::MetadataProvider;
use skrifa::instance::{LocationRef, Size};
use vello::kurbo::{Affine, BezPath, Cap, Circle, Join, Point, Rect, RoundedRect, Stroke};
use vello::peniko::{Blob, Color, Extend, Fill, FontData, Gradient, Mix};
use vello::{AaConfig, AaSupport, Glyph, RenderParams, Renderer, RendererOptions, Scene};

/// Width and height of the picture.
const SIZE: u32 = 320;

/// vello's pipelines on a device.
pub fn renderer(device: &wgpu::Device) -> Result<Renderer, Box<dyn Error>> {
    let options = RendererOptions {
        use_cpu: false,
        antialiasing_support: AaSupport::area_only(),
        num_init_threads: NonZeroUsize::new(1),
        pipeline_cache: None,
    };
    Renderer::new(device, options).map_err(|error| error.to_string().into())
}

/// The texture that [`render`] draws to.
pub fn target(device: &wgpu::Device) -> wgpu::Texture {
    support::target(device, SIZE, SIZE, wgpu::TextureFormat::Rgba8Unorm)
}

/// Submits the work of one picture.
pub fn render(
    renderer: &mut Renderer,
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    scene: &Scene,
    target: &wgpu::Texture,
) -> Result<(), Box<dyn Error>> {
    let params = RenderParams {
        base_color: Color::from_rgb8(24, 26, 34),
        width: SIZE,
        height: SIZE,
        antialiasing_method: AaConfig::Area,
    };
    let view = target.create_view(&Default::default());
    renderer.render_to_texture(device, queue, scene, &view, &params).map_err(|error| error.to_string().into())
}

/// Shapes with text over them.
pub fn scene() -> Result<Scene, Box<dyn Error>> {
    let mut scene = Scene::new();
    shapes(&mut scene);
    text(&mut scene)?;
    Ok(scene)
}

fn shapes(scene: &mut Scene) {
    let colors = [Color::from_rgb8(250, 90, 60), Color::from_rgb8(250, 210, 80), Color::from_rgb8(60, 160, 240)];
    let linear = Gradient::new_linear((20.0, 20.0), (300.0, 120.0)).with_stops(colors);
    let card = RoundedRect::new(20.0, 20.0, 300.0, 120.0, 18.0);
    scene.fill(Fill::NonZero, Affine::IDENTITY, &linear, None, &card);
    scene.stroke(&Stroke::new(3.0), Affine::IDENTITY, Color::WHITE, None, &card);

    let radial = Gradient::new_radial((80.0, 190.0), 56.0).with_extend(Extend::Reflect).with_stops(colors);
    scene.fill(Fill::NonZero, Affine::IDENTITY, &radial, None, &Circle::new((80.0, 190.0), 50.0));

    // A star crosses itself: the even-odd rule leaves its middle open.
    let mut star = BezPath::new();
    for corner in 0..5 {
        let angle = f64::from(corner) * 2.0 * std::f64::consts::TAU / 5.0 - std::f64::consts::FRAC_PI_2;
        let point = Point::new(50.0 * angle.cos(), 50.0 * angle.sin());
        if corner == 0 { star.move_to(point) } else { star.line_to(point) }
    }
    star.close_path();
    let place = Affine::translate((200.0, 190.0)) * Affine::rotate(0.2);
    scene.fill(Fill::EvenOdd, place, Color::from_rgb8(130, 220, 130), None, &star);
    let dashes = Stroke::new(4.0).with_dashes(2.0, [12.0, 7.0]).with_caps(Cap::Round).with_join(Join::Round);
    scene.stroke(&dashes, place, Color::from_rgba8(255, 255, 255, 180), None, &star);

    // A clip, and in it rectangles that blend with each other.
    scene.push_layer(Fill::NonZero, Mix::Screen, 0.8, Affine::IDENTITY, &Circle::new((270.0, 190.0), 38.0));
    for (i, color) in colors.into_iter().enumerate() {
        let x = 230.0 + 18.0 * i as f64;
        scene.fill(Fill::NonZero, Affine::skew(0.1, 0.0), color, None, &Rect::new(x, 150.0, x + 30.0, 230.0));
    }
    scene.pop_layer();

    let mut curve = BezPath::new();
    curve.move_to((20.0, 300.0));
    curve.curve_to((120.0, 210.0), (200.0, 330.0), (300.0, 250.0));
    scene.stroke(&Stroke::new(6.0), Affine::IDENTITY, &linear, None, &curve);
}

fn text(scene: &mut Scene) -> Result<(), Box<dyn Error>> {
    const SIZE: f32 = 29.0;
    let font = FontData::new(Blob::from(epaint_default_fonts::UBUNTU_LIGHT.to_vec()), 0);
    let face = skrifa::FontRef::new(epaint_default_fonts::UBUNTU_LIGHT)?;
    let characters = face.charmap();
    let metrics = face.glyph_metrics(Size::new(SIZE), LocationRef::default());
    let mut x = 0.0;
    let glyphs = "wasi:webgpu, vello".chars().map(|character| {
        let glyph = characters.map(character).unwrap_or_default();
        let place = Glyph { id: glyph.to_u32(), x, y: 0.0 };
        x += metrics.advance_width(glyph).unwrap_or_default();
        place
    });
    scene
        .draw_glyphs(&font)
        .font_size(SIZE)
        .transform(Affine::translate((32.0, 82.0)))
        .brush(Color::BLACK)
        .draw(Fill::NonZero, glyphs);
    Ok(())
}
