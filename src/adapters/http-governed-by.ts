import type { NodeRequest } from './http-connection.ts';
import type { GovernedRequest } from './http-governed.ts';
import type { Guard } from './seam.ts';

const GOVERNED: unique symbol = Symbol('sidecarless.governed');

type Bearer = NodeRequest & { [GOVERNED]?: GovernedRequest[] };

/** All guards that decided this request; usually one. */
export function governedBy(request: NodeRequest): readonly GovernedRequest[] {
  return (request as Bearer)[GOVERNED] ?? [];
}

/** Whether `guard` decided this request already. */
export function isGoverned(request: NodeRequest, guard: Guard): boolean {
  return governedBy(request).some((governed) => governed.guard === guard);
}

/** Remembers on the request itself who decided it. */
export function addGoverned(request: NodeRequest, governed: GovernedRequest): void {
  const bearer = request as Bearer;
  if (bearer[GOVERNED]) bearer[GOVERNED].push(governed);
  else bearer[GOVERNED] = [governed];
}
