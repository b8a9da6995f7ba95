//! What must not stand on a command line, which everybody on the machine can read: where else it
//! comes from, and what is said of it there. Never prints any of it.

use std::env;

use crate::cli::args::ServeArgs;
use crate::cli::failure::{Exit, Failure};
use crate::cli::private::private_text;

/// Refuses the secret of an API key among the words of this process.
///
/// # Errors
/// `Usage`.
pub(super) fn refuse_secret_in_words() -> Result<(), Failure> {
    let is_secret = |word: &str| word == API_SECRET || word.starts_with(&format!("{API_SECRET}="));
    if env::args_os().any(|word| word.to_str().is_some_and(is_secret)) {
        let failure = "the secret of an API key stands on the command line";
        return Err(Failure::new(Exit::Usage, failure)
            .because("everybody on this machine can read it there")
            .hint("set LIVEKIT_API_SECRET in the environment, or use --keys FILE"));
    }
    Ok(())
}

/// The addresses that are told what happens: of the command line, the file and the environment.
///
/// # Errors
/// `Usage` for an address on the command line that shows a secret, for a file that others can read,
/// and for options that are about receivers where there are none.
pub(super) fn receivers(args: &ServeArgs) -> Result<Vec<String>, Failure> {
    if args.webhook.iter().any(|address| shows_a_secret(address)) {
        let failure = "an address of --webhook has a user, a password or a query";
        return Err(Failure::new(Exit::Usage, failure)
            .because("it may hold a secret, and everybody on this machine can read it there")
            .hint("write it into a file for --webhooks FILE, or into ROOMLEDGER_WEBHOOKS"));
    }
    let mut receivers = args.webhook.clone();
    if let Some(file) = &args.webhooks {
        let text = private_text("the addresses of webhooks", file)?;
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        receivers.extend(lines.map(str::to_owned));
        if receivers.is_empty() {
            let failure = format!("there is no address in {}", file.display());
            return Err(Failure::new(Exit::Usage, failure).hint("write one on each line"));
        }
    }
    let said = env::var(WEBHOOKS).unwrap_or_default();
    receivers.extend(said.split_whitespace().map(str::to_owned));
    if receivers.is_empty() && (args.webhook_key.is_some() || args.webhook_from.is_some()) {
        let failure = "--webhook-key and --webhook-from are about receivers, and there are none";
        return Err(Failure::new(Exit::Usage, failure)
            .hint("name one by --webhook, --webhooks or ROOMLEDGER_WEBHOOKS"));
    }
    Ok(receivers)
}

/// Whether an address holds what is a secret mostly: a user, or a query.
fn shows_a_secret(address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.contains('@') || rest.contains('?')
}

const API_SECRET: &str = "--api-secret";
/// Addresses of receivers, with blanks between them.
const WEBHOOKS: &str = "ROOMLEDGER_WEBHOOKS";
