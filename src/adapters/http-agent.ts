import * as http from 'node:http';
import * as https from 'node:https';
import { DECIDED, poolKeyOf, type DecidedSocket } from './decided-socket.ts';
import { governAddRequest } from './http-add-request.ts';
import type { NodeAgent, NodeRequest } from './http-connection.ts';
import { governCreateConnection } from './http-create-connection.ts';
import { governHead, renderUnderGuard } from './http-head.ts';
import { governOnSocket } from './http-on-socket.ts';
import { HttpPools } from './http-pools.ts';
import { HttpWatch } from './http-watch.ts';
import type { PatchRegistry } from './patch-registry.ts';
import type { Guard } from './seam.ts';

type AddRequest = NodeAgent['addRequest'];

/** Governs every HTTP/1 request of the process, whatever agent carries it. */
export function installHttp(guard: Guard, patches: PatchRegistry): void {
  const pools = new HttpPools(guard, () => {
    for (const prototype of [http.Agent.prototype, https.Agent.prototype]) keepTargetsApart(prototype, patches);
  });
  const watch = HttpWatch.of(guard, patches);
  const agent = http.Agent.prototype as unknown as NodeAgent;
  patches.replace<AddRequest>(agent, 'addRequest', (original) => governAddRequest(watch, pools, original));
  for (const prototype of [http.Agent.prototype, https.Agent.prototype])
    patches.wrap<NodeAgent['createConnection']>(prototype, 'createConnection', (original) =>
      governCreateConnection(guard, original, false),
    );
  const request = http.ClientRequest.prototype as unknown as NodeRequest;
  patches.replace<NodeRequest['onSocket']>(request, 'onSocket', (original) => governOnSocket(watch, original));
  patches.replace<NodeRequest['_implicitHeader']>(request, '_implicitHeader', (original) =>
    governHead(original, patches),
  );
}

/** Governs the requests of one agent, in place, and keeps its pooling. */
export function wrapAgent(guard: Guard, agent: http.Agent, patches: PatchRegistry): void {
  const pools = new HttpPools(guard, () => keepTargetsApart(agent, patches));
  patches.wrap<AddRequest>(agent, 'addRequest', (original) => {
    const governed = governAddRequest(HttpWatch.of(guard, patches), pools, original);
    return function (this: NodeAgent, request, ...rest) {
      renderUnderGuard(request, patches);
      governed.call(this, request, ...rest);
    };
  });
  patches.wrap<NodeAgent['createConnection']>(agent, 'createConnection', (original) =>
    governCreateConnection(guard, original, true),
  );
}

/**
 * The pool's key: requests that go to different targets must never share a connection. Most processes have no such targets,
 * and agents ask for a name several times for each request.
 */
function keepTargetsApart(agents: object, patches: PatchRegistry): void {
  if (patches.released) return;
  patches.wrap<NodeAgent['getName']>(agents, 'getName', (original) => {
    return function getName(this: NodeAgent, options?: object): string {
      const name = original.call(this, options);
      return options ? name + poolKeyOf((options as { [DECIDED]?: DecidedSocket })[DECIDED]) : name;
    };
  });
}
