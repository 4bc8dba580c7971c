/** The line from a client's process to the one that runs the servers: what they saw, and another policy. */
const waiting = new Map();
let count = 0;

process.on('message', ({ id, answer }) => {
  waiting.get(id)(answer);
  waiting.delete(id);
});

function ask(question) {
  const id = (count += 1);
  const answered = new Promise((resolve) => waiting.set(id, resolve));
  process.send({ id, question });
  return answered;
}

/** What each server got since the last question: `{ [server]: { connections, requests: [{ method, url, headers }] } }`. */
export const serverSaw = () => ask('saw');

/** Writes the policy anew, with one route less: `/later` is not taken any more. */
export const changePolicy = () => ask('change');
