import type { NodeRequest } from './http-connection.ts';
import type { GovernedRequest } from './http-governed.ts';
import type { Guard } from './seam.ts';

/** Gives back what it is constructed with, so that fields of a derived class are put on that. */
const Given = function (object: object): object {
  return object;
} as unknown as new (object: object) => object;

/**
 * Who governs a request, on the request itself: as quick as a field of its own, and seen by nobody who lists or inspects it.
 */
class Governance extends Given {
  #first: GovernedRequest | undefined = undefined;

  static first(request: NodeRequest): GovernedRequest | undefined {
    return #first in request ? (request as unknown as Governance).#first : undefined;
  }

  static setFirst(request: NodeRequest, governed: GovernedRequest): void {
    const bearer = #first in request ? request : new Governance(request);
    bearer.#first = governed;
  }
}

/** Under the guard that decided this request first; the others follow as `next`. Nearly always there is one. */
export function firstGoverned(request: NodeRequest): GovernedRequest | undefined {
  return Governance.first(request);
}

/** Under `guard`, if it decided this request already. */
export function governedUnder(request: NodeRequest, guard: Guard): GovernedRequest | undefined {
  let governed = firstGoverned(request);
  while (governed !== undefined && governed.guard !== guard) governed = governed.next;
  return governed;
}

/** Under all guards that decided this request. */
export function governedBy(request: NodeRequest): readonly GovernedRequest[] {
  const all: GovernedRequest[] = [];
  for (let each = firstGoverned(request); each !== undefined; each = each.next) all.push(each);
  return all;
}

/** Remembers on the request itself who decided it. */
export function addGoverned(request: NodeRequest, governed: GovernedRequest): void {
  let last = firstGoverned(request);
  while (last?.next !== undefined) last = last.next;
  if (last === undefined) Governance.setFirst(request, governed);
  else last.next = governed;
}
