/** OpenTelemetry's http and undici instrumentations: client spans with parent, status and attributes. */
'use strict';
const { context, trace, SpanKind, SpanStatusCode } = require('@opentelemetry/api');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { UndiciInstrumentation } = require('@opentelemetry/instrumentation-undici');
const { InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');

const exporter = new InMemorySpanExporter();
let provider;
let unregister;

exports.exact = true;
exports.start = () => {
  provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  provider.register();
  unregister = registerInstrumentations({
    tracerProvider: provider,
    instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation()],
  });
  // It patches when they are required.
  require('node:http');
  require('node:https');
};

exports.job = async ({ api, forbidden, get, check }, { governed }) => {
  exporter.reset();
  const parent = trace.getTracer('test').startSpan('parent');
  await context.with(trace.setSpan(context.active(), parent), async () => {
    await get(`${api}/otel-http`);
    await (await fetch(`${api}/otel-fetch`)).text();
    if (!governed) return;
    await get(`${forbidden}/otel-http`).catch(() => undefined);
    await fetch(`${forbidden}/otel-fetch`).catch(() => undefined);
  });
  parent.end();
  const spans = exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.CLIENT);
  const { spanId, traceId } = parent.spanContext();
  const told = spans.map(
    ({ attributes, status }) => `${attributes['url.full'] ?? attributes['http.url']} ${status.code}`,
  );
  for (const span of spans)
    check(
      span.parentSpanContext?.spanId === spanId && span.spanContext().traceId === traceId,
      `a span without its parent: ${span.name}`,
    );
  const statusOf = ({ attributes }) => attributes['http.response.status_code'] ?? attributes['http.status_code'];
  check(spans.filter((span) => statusOf(span) === 200).length === 2, `not two spans with status 200: ${told}`);
  if (!governed) return;
  const failed = spans.filter(({ status }) => status.code === SpanStatusCode.ERROR);
  check(failed.length >= 1, `no span for the denied request: ${told}`);
  check(
    failed.some(({ status }) => /ERR_EGRESS_DENIED/.test(status.message)),
    `the span does not name the denial: ${failed.map(({ status }) => status.message)}`,
  );
};

exports.stop = async () => {
  unregister();
  await provider.shutdown();
  trace.disable();
  context.disable();
};
