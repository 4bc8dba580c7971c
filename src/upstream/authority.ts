/** `host:port`, IPv6 in brackets (RFC 3986, section 3.2.2). */
export function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `http://host:port` or `https://host:port`. */
export function originText(secure: boolean, host: string, port: number): string {
  return `${secure ? 'https' : 'http'}://${hostAndPort(host, port)}`;
}
