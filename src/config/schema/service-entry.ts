import * as form from './form.ts';
import { celRule, port, text, texts, workloadSelector } from './fields.ts';
import { workloadEntrySpec } from './workload-entry.ts';

const servicePort = form.strictObject({
  number: port,
  protocol: text.max(256).optional(),
  name: text.max(256),
  targetPort: port.optional(),
});

const resolution = form.oneWordOf(['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS']);

/** networking.istio.io ServiceEntry. */
export const serviceEntrySpec = form
  .strictObject({
    hosts: form
      .array(
        text.refine(
          (host) => host !== '*',
          celRule('hostname', '* would admit every host; name a domain, such as *.example.com'),
        ),
      )
      .min(1)
      .max(256),
    addresses: form.array(text.max(64)).max(256).optional(),
    ports: form
      .array(servicePort)
      .max(256)
      .refine(
        (ports) => distinct(ports.map(({ name }) => name)),
        celRule('duplicatePort', 'two ports have the same name'),
      )
      .refine(
        (ports) => distinct(ports.map(({ number }) => number)),
        celRule('duplicatePort', 'two ports have the same number'),
      )
      .optional(),
    location: form.oneWordOf(['MESH_EXTERNAL', 'MESH_INTERNAL']).optional(),
    resolution: resolution.optional(),
    endpoints: form.array(workloadEntrySpec).max(4096).optional(),
    workloadSelector: workloadSelector.optional(),
    exportTo: texts.optional(),
    subjectAltNames: texts.optional(),
  })
  .refine(
    (entry) => entry.workloadSelector === undefined || entry.endpoints === undefined,
    celRule('selectorAndEndpoints', 'sets workloadSelector and endpoints; only one of them may be set'),
  )
  .refine(
    (entry) => isAddressed(entry.resolution) || entry.addresses?.some((address) => address.includes('/')) !== true,
    celRule('cidrResolution', 'CIDR addresses need resolution NONE or STATIC'),
  )
  .refine(
    (entry) => !isNone(entry.resolution) || entry.endpoints === undefined,
    celRule('endpointsWithNone', 'resolution NONE keeps the dialled address; endpoints would have no effect'),
  )
  .refine(
    (entry) => entry.resolution !== 'DNS_ROUND_ROBIN' || entry.endpoints === undefined || entry.endpoints.length === 1,
    celRule('endpointsRoundRobin', 'resolution DNS_ROUND_ROBIN takes one endpoint at most'),
  );

export type ServiceEntryFields = form.Infer<typeof serviceEntrySpec>;
type ResolutionName = form.Infer<typeof resolution>;

function isNone(name: ResolutionName | undefined): boolean {
  return name === undefined || name === 'NONE';
}

function isAddressed(name: ResolutionName | undefined): boolean {
  return isNone(name) || name === 'STATIC';
}

function distinct(values: readonly (string | number)[]): boolean {
  return new Set(values).size === values.length;
}
