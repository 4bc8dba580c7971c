/** Whether a unix socket may be opened: an entry is a path, or with a `*` at its end all paths that begin so. */
export function isListedSocket(path: string, entries: readonly string[] | undefined): boolean {
  return (entries ?? []).some((entry) => (entry.endsWith('*') ? path.startsWith(entry.slice(0, -1)) : path === entry));
}
