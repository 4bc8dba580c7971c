/** Every client that the matrix drives, in the order of the page; `kind` says which scenarios it is put to. */
import { explicitClients } from './clients/explicit.mjs';
import { grpcClients } from './clients/grpc.mjs';
import { httpLibraries } from './clients/http-libraries.mjs';
import { nodeClients } from './clients/node-http.mjs';
import { proxiedClients } from './clients/proxied.mjs';
import { sdkClients } from './clients/sdks.mjs';
import { streamClients } from './clients/streams.mjs';
import { tcpClients } from './clients/tcp.mjs';
import { undiciClients } from './clients/undici.mjs';

const ofKind = (kind, clients) => clients.map((client) => ({ kind, ...client }));

export const clients = [
  ...ofKind('http', [...nodeClients, ...undiciClients, ...httpLibraries, ...sdkClients, ...streamClients]),
  ...ofKind('http', [...explicitClients, ...proxiedClients]),
  ...ofKind('grpc', grpcClients),
  ...ofKind('tcp', tcpClients),
];
