/** Findings in the words a person reads, and the error that carries them. */
import type { Diagnostic } from '../core/model/diagnostic.ts';
import type { ResourceRef, SourceLocation } from '../core/model/resource.ts';
import { EgressConfigError } from '../errors.ts';

/** `mesh/httpbin.yaml:12:7: SCL0401 ServiceEntry default/httpbin spec.prts: message (fix)`. What is not known is left out. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { code, resource, field, location, message, fix } = diagnostic;
  const place = location === undefined ? '' : `${formatLocation(location)}: `;
  const subject = [code, resource === undefined ? '' : formatResource(resource), field ?? ''].filter(
    (part) => part !== '',
  );
  return `${place}${subject.join(' ')}: ${message}${fix === undefined ? '' : ` (${fix})`}`;
}

export function formatLocation({ file, line, column }: SourceLocation): string {
  return [file, line, line === undefined ? undefined : column].filter((part) => part !== undefined).join(':');
}

export function formatResource({ kind, namespace, name }: ResourceRef): string {
  return `${kind} ${namespace === '' ? name : `${namespace}/${name}`}`;
}

/** All errors in one message, each on its line. `diagnostics` keeps the warnings too. */
export function toConfigError(diagnostics: readonly Diagnostic[]): EgressConfigError {
  const errors = diagnostics.filter((diagnostic) => diagnostic.level === 'error');
  const count = errors.length === 1 ? 'one error' : `${errors.length} errors`;
  const lines = errors.map((diagnostic) => `  ${formatDiagnostic(diagnostic)}`);
  return new EgressConfigError(`the mesh config has ${count}:\n${lines.join('\n')}`, diagnostics);
}

/** By file, line and column; what has no place comes first. Stable for findings at one place. */
export function inOrderOfPlace(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return [...diagnostics].sort((a, b) => comparePlaces(a.location, b.location));
}

function comparePlaces(a: SourceLocation = {}, b: SourceLocation = {}): number {
  const byFile = (a.file ?? '').localeCompare(b.file ?? '', 'en');
  return byFile !== 0 ? byFile : (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
