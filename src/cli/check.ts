import { statSync } from 'node:fs';
import { checkPolicy } from '../config/check-policy.ts';
import type { Diagnostic, MeshConfig } from '../core/index.ts';
import type { Command, Streams } from './command.ts';
import { parseOptions, UsageError } from './command.ts';

const OPTIONS = {
  strict: { type: 'boolean' },
  json: { type: 'boolean' },
  quiet: { type: 'boolean', short: 'q' },
} as const;

export const check: Command = {
  name: 'check',
  summary: 'load a policy and list everything that is wrong or doubtful in it',
  usage: `Usage: sidecarless check <file | directory | glob>... [options]

Loads the policy as the guarded program would and prints each finding with its file, line, resource and remedy.
Each path is a policy of its own when it is a directory; files and globs of one command line are read together.

Options:
      --strict   warnings fail as well
  -q, --quiet    errors and warnings only, no notices
      --json     one JSON object for each finding, a line each

Exit codes: 0 no errors, 1 errors (or, with --strict, warnings), 2 wrong usage.`,
  run,
};

function run(argv: readonly string[], streams: Streams): number {
  const { values, positionals } = parseOptions(argv, OPTIONS);
  if (positionals.length === 0) throw new UsageError('name at least one file, directory or glob');
  const totals = { error: 0, warning: 0, info: 0 };
  for (const group of policies(positionals)) {
    const { diagnostics, meshConfig } = checkPolicy(group);
    for (const diagnostic of diagnostics) {
      totals[diagnostic.level] += 1;
      if (values.quiet && diagnostic.level === 'info') continue;
      streams.out(values.json ? JSON.stringify(diagnostic) : line(diagnostic));
    }
    if (meshConfig !== undefined && !values.json) streams.out(`${group.join(' ')}: ${counted(meshConfig)}`);
  }
  if (!values.json) streams.out(`${totals.error} errors, ${totals.warning} warnings, ${totals.info} notices`);
  return totals.error > 0 || (values.strict === true && totals.warning > 0) ? 1 : 0;
}

/** A directory is a policy of its own, so that one call checks many examples; files and globs make one together. */
function policies(paths: readonly string[]): string[][] {
  const directories = paths.filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true);
  const others = paths.filter((path) => !directories.includes(path));
  return [...directories.map((path) => [path]), ...(others.length > 0 ? [others] : [])];
}

function line({ level, code, location, resource, field, message, fix }: Diagnostic): string {
  const place = [location?.file, location?.line, location?.column].filter((part) => part !== undefined).join(':');
  const name = resource ? `${resource.kind} ${resource.namespace}/${resource.name}` : '';
  return [place && `${place}:`, level, code, name, field, '-', fix ? `${message}; ${fix}` : message]
    .filter(Boolean)
    .join(' ');
}

function counted(mesh: MeshConfig): string {
  const counts: readonly (readonly [string, number])[] = [
    ['ServiceEntry', mesh.serviceEntries.length],
    ['VirtualService', mesh.virtualServices.length],
    ['DestinationRule', mesh.destinationRules.length],
    ['Gateway', mesh.gateways.length],
    ['Sidecar', mesh.sidecars.length],
    ['Service', mesh.services.length],
  ];
  const present = counts.filter(([, count]) => count > 0).map(([kind, count]) => `${count} ${kind}`);
  return `${mesh.outboundTrafficPolicy.mode ?? 'REGISTRY_ONLY'}; ${present.join(', ') || 'no resources'}`;
}
