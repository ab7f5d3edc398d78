//! Manual pages and shells' completions of the programs, made from their command lines: the hidden command `pages`, for
//! packages.

use std::io;

use clap::{Args, Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::printing::print;

/// The command line of `pages`.
#[derive(Clone, Debug, Args)]
pub struct PagesArguments {
    /// What is printed
    #[arg(value_enum)]
    page: Page,
    /// The manual page's name
    #[arg(required_if_eq("page", "man"))]
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Page {
    /// The names of all manual pages, one a line
    Names,
    /// A manual page
    Man,
    /// Completions for bash
    Bash,
    /// Completions for zsh
    Zsh,
    /// Completions for fish
    Fish,
}

/// Prints what the arguments ask for, of a program's command line.
pub fn run(mut command: Command, arguments: &PagesArguments) -> io::Result<()> {
    let shell = match arguments.page {
        Page::Bash => Shell::Bash,
        Page::Zsh => Shell::Zsh,
        Page::Fish => Shell::Fish,
        Page::Names | Page::Man => {
            // As clap_mangen's own `generate_to`, which writes files.
            command = command.disable_help_subcommand(true);
            command.build();
            let mut pages = Vec::new();
            gather(&command, &mut pages);
            return match &arguments.name {
                Some(name) if arguments.page == Page::Man => man(&pages, name),
                _ => print(&pages.iter().map(|page| format!("{}\n", name_of(page))).collect::<String>()),
            };
        }
    };
    let name = command.get_name().to_owned();
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut bytes);
    print(&String::from_utf8_lossy(&bytes))
}

/// The program's command and all below it that are not hidden.
fn gather(command: &Command, pages: &mut Vec<Command>) {
    pages.push(command.clone());
    command.get_subcommands().filter(|command| !command.is_hide_set()).for_each(|command| gather(command, pages));
}

/// `airlock-trace-info` for `airlock trace info`.
fn name_of(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

fn man(pages: &[Command], name: &str) -> io::Result<()> {
    let page = pages.iter().find(|page| name_of(page) == name);
    let page = page.ok_or_else(|| io::Error::other(format!("there is no page {name}")))?;
    let mut bytes = Vec::new();
    Man::new(page.clone()).render(&mut bytes)?;
    print(&String::from_utf8_lossy(&bytes))
}
