/** The scenarios of gRPC: calls of every kind on one channel, each decided by itself. */
import { changePolicy, serverSaw } from './link.mjs';
import { check, denied, eventually, failureOf, noLeak, scenario } from './scenarios.mjs';

const ports = JSON.parse(process.env.MATRIX_PORTS);
const UNAVAILABLE = 14;
const DEADLINE_EXCEEDED = 4;

export async function runGrpc({ server, open }) {
  const { connect } = await open();
  const channel = connect('grpc.mesh.test', ports[server]);
  const requests = async () => (await serverSaw())[server].requests;
  const once = async (host, port) => {
    const own = connect(host, port);
    try {
      return await own.unary('Say');
    } finally {
      own.close();
    }
  };
  const failsWith = async (code, words, run) => {
    const error = await failureOf(run);
    check(error.code === code && words.test(error.message), `ended with ${error.code} ${error.message}`);
  };

  await scenario('allowed', async () => {
    check((await channel.unary('Say')) === 'hello', 'did not come back');
    check((await requests())[0].url === '/echo.Echo/Say', 'the server saw no call');
  });
  await scenario('server streaming', async () => {
    const said = await channel.stream();
    check(said.join() === 'hello,hello,hello', `the stream said ${said}`);
  });
  // First: a channel that was closed keeps its back-off for a second.
  await scenario('no leak of calls that are denied on a session', () => noLeak(() => channel.unary('Unrouted'), 500));
  await scenario('denied', () =>
    denied(() => once('denied.mesh.test', ports.forbidden), { mentions: 'denied.mesh.test' }),
  );
  await scenario('denied again', async () => {
    const answer = await denied(() => once('denied.mesh.test', ports.forbidden));
    check((await serverSaw()).forbidden.connections === 0, 'a connection was made');
    return answer;
  });
  await scenario('fails in its own way', async () => {
    await failsWith(UNAVAILABLE, /ERR_EGRESS_DENIED/, () => once('denied.mesh.test', ports.forbidden));
    await failsWith(UNAVAILABLE, /ECONNREFUSED/, () => once('refused.mesh.test', ports.refused));
  });
  await scenario('no leak', async () => {
    const refused = () => once('refused.mesh.test', ports.refused);
    const outcome = await noLeak(() => once('denied.mesh.test', ports.forbidden), 500, { refused, settleMs: 2000 });
    check((await serverSaw()).forbidden.connections === 0, 'connections were made');
    return outcome;
  });
  await scenario('decided on a pooled connection', async () => {
    await channel.unary('Say');
    await serverSaw();
    const answer = await denied(() => channel.unary('Unrouted'));
    await channel.unary('Say');
    const { connections, requests: seen } = (await serverSaw())[server];
    check(connections === 0, 'another session was opened');
    check(seen.length === 1 && seen[0].url === '/echo.Echo/Say', 'what was denied reached the server');
    return answer;
  });
  await scenario('deadline', () =>
    failsWith(DEADLINE_EXCEEDED, /[Dd]eadline/, () => channel.unary('Silent', { deadline: Date.now() + 200 })),
  );
  await scenario('timeout', () => failsWith(UNAVAILABLE, /upstream request timeout/, () => channel.unary('Slow')));
  await scenario('decided again after an update', async () => {
    check((await channel.unary('Later')) === 'hello', 'did not come back');
    await changePolicy();
    // A call that is begun while the session closes fails with it.
    await eventually(() => denied(() => channel.unary('Later')));
    await serverSaw();
    const answer = await denied(() => channel.unary('Later'));
    check((await requests()).length === 0, 'what was denied reached the server');
    return answer;
  });
  channel.close();
}
