/** One form for what clients answer with: `{ status, body, header(name) }`. */

export async function fromFetch(response) {
  return {
    status: response.status,
    body: await response.text(),
    header: (name) => response.headers.get(name) ?? undefined,
  };
}

export function fromHeaders(status, body, headers) {
  return {
    status,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    header: (name) => headers[name],
  };
}

/** node:http's, whose body is read here. */
export function fromMessage(response) {
  return new Promise((resolve, reject) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (chunk) => (body += chunk));
    response.on('error', reject);
    response.on('end', () => resolve(fromHeaders(response.statusCode, body, response.headers)));
  });
}
