/** The JSON name of a proto field: `sni_hosts` is `sniHosts`. */
export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}
