/** `exportTo` entries with a meaning of their own; every other entry is a namespace. */
const PUBLIC = '*';
const PRIVATE = '.';
const NOBODY = '~';

const EVERYONE: ReadonlySet<string> = new Set([PUBLIC]);
const OWN_NAMESPACE: ReadonlySet<string> = new Set([PRIVATE]);

/**
 * Whether a client of `clientNamespace` sees a resource of `ownNamespace` that is exported to `exportTo`:
 * `*` everyone, `.` its own namespace, `~` nobody, else the namespaces named. `*` outweighs `~`.
 */
export function exportedTo(exportTo: ReadonlySet<string>, ownNamespace: string, clientNamespace: string): boolean {
  if (exportTo.has(PUBLIC)) return true;
  if (exportTo.has(NOBODY)) return false;
  return (exportTo.has(PRIVATE) && ownNamespace === clientNamespace) || exportTo.has(clientNamespace);
}

/** The effective `exportTo` of a resource: its own, else the mesh default, else everyone. */
export function effectiveExportTo(
  own: readonly string[] | undefined,
  meshDefault: readonly string[],
): ReadonlySet<string> {
  return sharedSet(own !== undefined && own.length > 0 ? own : meshDefault);
}

function sharedSet(entries: readonly string[]): ReadonlySet<string> {
  if (entries.length === 0) return EVERYONE;
  if (entries.length === 1) {
    if (entries[0] === PUBLIC) return EVERYONE;
    if (entries[0] === PRIVATE) return OWN_NAMESPACE;
  }
  return new Set(entries);
}
