/** docs/clients.md, from what a run of the matrix gave. */

export function stateOf(row) {
  if (row?.results === undefined) return 'not supported by the client';
  return Object.values(row.results).some((result) => result.startsWith('fail')) ? 'fail' : 'pass';
}

/** The letter of each scenario, small for the same inside TLS; the words for the legend. */
const SCENARIOS = [
  ['A', 'a', ['allowed'], ['allowed over TLS'], 'what the policy admits works, and is logged'],
  [
    'D',
    '',
    ['denied', 'denied again'],
    [],
    'a denial is an error of the client, names the host, and nothing reaches the server',
  ],
  ['F', '', ['fails in its own way'], [], 'that error is of the kind that a refused connection gives'],
  [
    'N',
    '',
    ['no leak', 'no leak of calls that are denied on a session'],
    [],
    'many denials leave nothing behind that refused connections would not',
  ],
  [
    'P',
    'p',
    ['decided on a pooled connection'],
    ['decided inside TLS'],
    'a path without a route is denied on a connection that is open, and the connection serves on',
  ],
  ['X', '', ['denied proxy'], [], 'a forward proxy that is not admitted is not connected to'],
  [
    'U',
    '',
    ['decided again after an update'],
    [],
    'a path that a new policy does not route any more is denied on the open connection',
  ],
  ['R', 'r', ['route'], ['route over TLS'], 'a service is led to its endpoint'],
  ['W', 'w', ['rewrite'], ['rewrite inside TLS'], 'path and headers of request and answer are changed'],
  ['L', '', ['local reply'], [], 'a direct response is given without a server'],
  [
    'V',
    '',
    ['allowed by an update'],
    [],
    'what was denied works once a new policy admits it, for clients that exist already as well',
  ],
  [
    'S',
    '',
    ['server streaming', 'deadline'],
    [],
    'a stream of answers, and a deadline of the client’s own, are as without the guard',
  ],
  ['T', 't', ['timeout'], ['timeout inside TLS'], 'a route’s timeout ends it with 504'],
];
const LETTERS = new Map(
  SCENARIOS.flatMap(([plain, secure, names, inside]) => [
    ...names.map((name) => [name, plain]),
    ...inside.map((name) => [name, secure]),
  ]),
);

/** In brackets where the denial was found: the words for the page. */
const FOUND = { error: 'the error itself', cause: 'its cause', message: 'its message' };

export function page({ table, line, versions, real = [] }) {
  const rows = table.map(({ client, rows: own }) => [
    client.name,
    client.layer ?? 'net.Socket',
    foundIn(own),
    lettersOf(own),
    ...own.map((row) => ({ pass: 'pass', fail: '**fail**' })[stateOf(row)] ?? '–'),
  ]);
  const head = [
    'client',
    'decided at',
    'denial found in',
    'scenarios',
    ...versions.map((version) => `Node ${version}`),
  ];
  const legend = SCENARIOS.map(([plain, secure, , , words]) => [`${plain}${secure && ` ${secure}`}`, words]);
  return `# Clients

This page is written by \`npm run matrix\`, which drives each client on each version of Node against servers on loopback, in a process of
its own: ${line}. Rows of \`wrapAgent\` and \`interceptor\` govern one agent or dispatcher, all others run with
\`--require sidecarless/register\`.

${realServers(real)}

"Denial found in" says where the client keeps the reason: \`code: 'ERR_EGRESS_DENIED'\` is on the error that it throws, on its \`cause\`, or
in the words of its message only. "Scenarios" says what was tried; each is judged by what the servers saw as well, and in all of them nothing is uncaught.

${markdownTable(['', 'scenario'], legend)}

${markdownTable(head, rows)}

A dash: the client does not run there.

${[...notes(table)].map((note) => `- ${note}`).join('\n')}

N counts after 500 denials (200 for socket.io-client, 50 for mongodb, which looks for a server for a while each time): sockets and other handles, timers, listeners on the process, on agents and on the
\`AbortSignal\` of the calls, entries of agents, and errors that are not collected.

A copy of undici inside a bundle cannot be wrapped: its requests are denied and logged, and its connections decided, but routes are not carried out for it.

What opens its sockets outside Node's own code is not seen: zeromq reached a server that no rule admits, and so will other native addons
(bindings to libcurl, librdkafka or ODBC, oracledb in thick mode). See [the threat model](threat-model.md).

Hooks are Node's, not those of clients. These were put to the same scenarios once, on Node 24, and pass without being known: cross-fetch,
isomorphic-unfetch, ofetch, wretch, @hapi/wreck, centra, request, bent, simple-get, popsicle, urllib, make-fetch-happen, minipass-fetch,
agentkeepalive, http2-wrapper, cacheable-lookup, eventsource, undici's EventSource and WebSocket, @elastic/elasticsearch,
@opensearch-project/opensearch, @google-cloud/storage, @azure/core-rest-pipeline, @slack/web-api, twilio, @sendgrid/client, graphql-request,
@apollo/client, @fastify/reply-from, http-proxy, http-proxy-middleware, https-proxy-agent, hpagent, tunnel, postgres, @keyv/redis, knex and sequelize with mysql2.
`;
}

function realServers(real) {
  return real.length === 0
    ? 'All servers were made for the test.'
    : `These servers were the real ones: ${real.sort().join(', ')}. All others were made for the test, and speak enough of their protocol.`;
}

function foundIn(rows) {
  const denial = rows.map((row) => row?.results?.denied).find((result) => result?.startsWith('pass'));
  return denial === undefined ? '' : (FOUND[/\((\w+)\)/.exec(denial)?.[1]] ?? 'no reason given');
}

/** What passed on every version where the client runs. */
function lettersOf(rows) {
  const ran = rows.filter((row) => row?.results !== undefined);
  const passed = (name) => ran.length > 0 && ran.every(({ results }) => results[name]?.startsWith('pass'));
  return [...new Set([...LETTERS].filter(([name]) => passed(name)).map(([, letter]) => letter))].join('');
}

/** Why a row has a dash or lacks a letter. */
function notes(table) {
  const found = new Set();
  for (const { client, rows } of table) {
    if (client.why) found.add(`${client.why}.`);
    for (const [name, result] of Object.entries(rows.find((row) => row?.results)?.results ?? {}))
      if (result.startsWith('not supported'))
        found.add(`${client.name}, ${name}: ${result.slice('not supported: '.length)}.`);
  }
  return found;
}

function markdownTable(head, rows) {
  const all = [head, head.map(() => '---'), ...rows];
  return all.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
