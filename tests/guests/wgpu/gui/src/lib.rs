//! A user interface in egui: what `gui` draws to a texture and `gui-window` to a window.

/// One font for everything.
pub fn fonts() -> egui::FontDefinitions {
    let mut fonts = egui::FontDefinitions::empty();
    let name = "Ubuntu-Light".to_owned();
    let data = egui::FontData::from_static(epaint_default_fonts::UBUNTU_LIGHT);
    fonts.font_data.insert(name.clone(), std::sync::Arc::new(data));
    for family in [egui::FontFamily::Proportional, egui::FontFamily::Monospace] {
        fonts.families.insert(family, vec![name.clone()]);
    }
    fonts
}

/// The contents of the user interface.
pub struct State {
    name: String,
    value: f32,
    on: bool,
}

impl Default for State {
    fn default() -> Self {
        State { name: "a guest".to_owned(), value: 0.6, on: true }
    }
}

impl State {
    /// One frame.
    pub fn show(&mut self, ui: &mut egui::Ui) {
        egui::CentralPanel::default().show(ui, |ui| {
            ui.heading("egui in a sandbox");
            ui.horizontal(|ui| {
                ui.label("Name:");
                ui.text_edit_singleline(&mut self.name);
            });
            ui.add(egui::Slider::new(&mut self.value, 0.0..=1.0).text("value"));
            ui.checkbox(&mut self.on, "a box");
            ui.separator();
            ui.collapsing("More", |ui| ui.label("…"));
            let _ = ui.button("Press");
            ui.add(egui::ProgressBar::new(self.value).show_percentage());
        });
    }
}
