import * as http from 'node:http';
import * as https from 'node:https';
import { DECIDED, poolKeyOf, type DecidedSocket } from './decided-socket.ts';
import { governAddRequest } from './http-add-request.ts';
import type { NodeAgent, NodeRequest } from './http-connection.ts';
import { governCreateConnection } from './http-create-connection.ts';
import { governHead, renderUnderGuard } from './http-head.ts';
import { governOnSocket } from './http-on-socket.ts';
import { HttpPools } from './http-pools.ts';
import type { PatchRegistry } from './patch-registry.ts';
import type { Guard } from './seam.ts';

type AddRequest = NodeAgent['addRequest'];

/** Governs every HTTP/1 request of the process, whatever agent carries it. */
export function installHttp(guard: Guard, patches: PatchRegistry): void {
  const pools = new HttpPools(guard);
  const agent = http.Agent.prototype as unknown as NodeAgent;
  patches.wrap<AddRequest>(agent, 'addRequest', (original) => governAddRequest(guard, pools, original));
  patches.wrap<NodeAgent['getName']>(agent, 'getName', nameWithTarget);
  patches.wrap<NodeAgent['getName']>(https.Agent.prototype, 'getName', nameWithTarget);
  for (const prototype of [http.Agent.prototype, https.Agent.prototype])
    patches.wrap<NodeAgent['createConnection']>(prototype, 'createConnection', (original) =>
      governCreateConnection(guard, original, false),
    );
  const request = http.ClientRequest.prototype as unknown as NodeRequest;
  patches.wrap<NodeRequest['onSocket']>(request, 'onSocket', (original) => governOnSocket(guard, original));
  patches.wrap<NodeRequest['_implicitHeader']>(request, '_implicitHeader', governHead);
}

/** Governs the requests of one agent, in place, and keeps its pooling. */
export function wrapAgent(guard: Guard, agent: http.Agent, patches: PatchRegistry): void {
  const pools = new HttpPools(guard);
  patches.wrap<AddRequest>(agent, 'addRequest', (original) => {
    const governed = governAddRequest(guard, pools, original);
    return function (this: NodeAgent, request, ...rest) {
      renderUnderGuard(request);
      governed.call(this, request, ...rest);
    };
  });
  patches.wrap<NodeAgent['getName']>(agent, 'getName', nameWithTarget);
  patches.wrap<NodeAgent['createConnection']>(agent, 'createConnection', (original) =>
    governCreateConnection(guard, original, true),
  );
}

/** The pool's key: requests that go to different targets must never share a connection. */
function nameWithTarget(original: NodeAgent['getName']): NodeAgent['getName'] {
  return function getName(this: NodeAgent, options?: object): string {
    const name = original.call(this, options);
    return options ? name + poolKeyOf((options as { [DECIDED]?: DecidedSocket })[DECIDED]) : name;
  };
}
