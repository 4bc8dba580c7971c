import type { NodeRequest } from './http-connection.ts';
import { firstGoverned } from './http-governed-by.ts';
import type { GovernedRequest } from './http-governed.ts';
import type { PatchRegistry } from './patch-registry.ts';

/** Rendering the head is the last moment to look at it, and the moment to change it. */
export function governHead(
  original: NodeRequest['_implicitHeader'],
  patches: PatchRegistry,
): NodeRequest['_implicitHeader'] {
  return function _implicitHeader(this: NodeRequest): void {
    const governed = patches.released ? undefined : firstGoverned(this);
    if (governed === undefined) original.call(this);
    else render(governed, this, original);
  };
}

/** The guard that decided first is asked first, and changes the head last. */
function render(
  governed: GovernedRequest | undefined,
  request: NodeRequest,
  original: NodeRequest['_implicitHeader'],
): void {
  if (governed === undefined) original.call(request);
  else if (governed.leavesHead()) render(governed.next, request, original);
  else governed.renderHead(() => render(governed.next, request, original));
}

/** Without the patch of the prototype, the same on one request. */
export function renderUnderGuard(request: NodeRequest, patches: PatchRegistry): void {
  const wrapped = governHead((request as { _implicitHeader: () => void })._implicitHeader, patches);
  Object.defineProperty(request, '_implicitHeader', { value: wrapped, writable: true, configurable: true });
}
