//! `gpu-shader-module`, `gpu-compilation-info` and `gpu-compilation-message`.

use guest_support::Outcome;
use guest_support::gpu::*;

use crate::check::{Check, check_label, plain_device};

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = plain_device("shader").await?;
    let device = &gpu.device;
    let descriptor = |code: &str| GpuShaderModuleDescriptor {
        code: code.to_string(),
        compilation_hints: None,
        label: Some("module".to_string()),
    };

    let good = "// Umlaut: ü\n@compute @workgroup_size(1) fn main() {}\n";
    let layout = device.create_pipeline_layout(&GpuPipelineLayoutDescriptor {
        bind_group_layouts: vec![],
        immediate_size: None,
        label: None,
    });
    let hint = |layout| GpuShaderModuleCompilationHint { entry_point: "main".to_string(), layout: Some(layout) };
    let hinted = GpuShaderModuleDescriptor {
        compilation_hints: Some(vec![hint(GpuLayoutMode::Auto), hint(GpuLayoutMode::Specific(&layout))]),
        ..descriptor(good)
    };
    let module = check.valid(device, "a good module", || device.create_shader_module(&hinted)).await;
    check_label!(check, module, "module");
    let messages = module.get_compilation_info().await.messages();
    let errors = messages.iter().filter(|message| message.type_() == GpuCompilationMessageType::Error).count();
    check.same("errors of a good module", errors, 0);

    check.valid(device, "an empty module", || device.create_shader_module(&descriptor(""))).await;

    // The error is in line 3: an unknown name at column 13.
    let lines = ["@compute @workgroup_size(1)", "fn main() {", "    let x = unknown_name;", "}"];
    let bad = lines.join("\n");
    let start_of_line_3 = bad.find(lines[2]).unwrap_or(0) as u64;
    let module = check.invalid(device, "an unknown name", || device.create_shader_module(&descriptor(&bad))).await;
    let info = module.get_compilation_info().await;
    let messages = info.messages();
    let first = messages.iter().find(|message| message.type_() == GpuCompilationMessageType::Error);
    match first {
        None => check.fail("a bad module has no error message"),
        Some(error) => {
            check.that("the message names what is unknown", error.message().contains("unknown_name"));
            check.same("line", error.line_num(), 3);
            let (position, offset, length) = (error.line_pos(), error.offset(), error.length());
            check.same("position in the line", position, 13);
            check.same("offset", offset, start_of_line_3 + 12);
            check.that(&format!("length {length} stays inside the code"), offset + length <= bad.len() as u64);
        }
    }
    check.same("asking again", module.get_compilation_info().await.messages().len(), messages.len());

    let pipeline = |module: &GpuShaderModule| {
        device.create_compute_pipeline(GpuComputePipelineDescriptor {
            compute: GpuProgrammableStage { module, entry_point: None, constants: None },
            layout: GpuLayoutMode::Auto,
            label: None,
        })
    };
    check.invalid(device, "a pipeline of a bad module", || pipeline(&module)).await;
    for (what, code) in [
        ("a type error", "fn f() -> u32 { return 1.5; }"),
        ("a syntax error", "fn f( {"),
        ("not WGSL", "#version 450\nvoid main() {}"),
    ] {
        let module = check.invalid(device, what, || device.create_shader_module(&descriptor(code))).await;
        let messages = module.get_compilation_info().await.messages();
        check.that(&format!("{what}: a message"), !messages.is_empty());
    }
    Ok(())
}
