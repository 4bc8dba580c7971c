import type { NodeRequest } from './http-connection.ts';
import { governedBy } from './http-governed-by.ts';

/** Rendering the head is the last moment to change it. */
export function governHead(original: NodeRequest['_implicitHeader']): NodeRequest['_implicitHeader'] {
  return function _implicitHeader(this: NodeRequest): void {
    const render = governedBy(this).reduceRight<() => void>(
      (inner, governed) => () => governed.beforeHead(inner),
      () => original.call(this),
    );
    render();
  };
}

/** Without the patch of the prototype, the same on one request. */
export function renderUnderGuard(request: NodeRequest): void {
  const wrapped = governHead((request as { _implicitHeader: () => void })._implicitHeader);
  Object.defineProperty(request, '_implicitHeader', { value: wrapped, writable: true, configurable: true });
}
