/** Picks the command. One file per command; each says its own usage. */
import { readFileSync } from 'node:fs';
import { check } from './check.ts';
import type { Command, Streams } from './command.ts';
import { UsageError } from './command.ts';
import { explainCommand } from './explain.ts';

const COMMANDS: readonly Command[] = [check, explainCommand];

const USAGE = `sidecarless: a service mesh's egress policy, decided inside Node.js

Usage: sidecarless <command> [options]

Commands:
${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`).join('\n')}

Options:
  -h, --help     show this text, or a command's own with \`sidecarless <command> --help\`
  -V, --version  show the version

Exit codes: 0 as asked, 1 a policy with errors or a denied connection, 2 wrong usage.
To guard a program: SIDECARLESS_CONFIG=./mesh node --require sidecarless/register app.js`;

/** Runs one command line and answers its exit code. */
export function run(argv: readonly string[], streams: Streams): number {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    streams.out(USAGE);
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-V') {
    streams.out(version());
    return 0;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (!command) {
    streams.err(`sidecarless: there is no command \`${name}\`; \`sidecarless --help\` lists them`);
    return 2;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    streams.out(command.usage);
    return 0;
  }
  try {
    return command.run(rest, streams);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    streams.err(`sidecarless ${name}: ${error.message}\n\n${command.usage}`);
    return 2;
  }
}

function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  return manifest.version;
}
