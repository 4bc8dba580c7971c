/** One Envoy route, compiled. */
export interface HttpRoute {
  /** Envoy's `%ROUTE_NAME%`; empty when unnamed. */
  readonly name: string;
}
