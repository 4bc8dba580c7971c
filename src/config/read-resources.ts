/** Documents -> the resources among them, each checked, and what is to be said about the rest. */
import type { Diagnostic } from '../core/model/diagnostic.ts';
import type { MeshResources } from '../core/model/mesh-config.ts';
import type { Resource, ResourceRef, SourceLocation } from '../core/model/resource.ts';
import { type DiagnosticCode, levelOf } from './diagnostics.ts';
import { isFields, type MeshConfigDocument, readMeshConfigDocument } from './mesh-config-shapes.ts';
import type { FieldPath } from './parse-yaml.ts';
import { formatLocation, formatResource } from './report.ts';
import {
  findResourceKind,
  governsEgressElsewhere,
  type ResourceKind,
  resourceKinds,
  splitApiVersion,
} from './resource-kinds.ts';
import type { SourceDocument } from './sources.ts';
import { checkResource } from './validate.ts';

type Fields = Readonly<Record<string, unknown>>;
type AnyResource = Resource<string, unknown>;

export interface ReadResources {
  readonly resources: MeshResources;
  readonly meshConfig: MeshConfigDocument | undefined;
  /** Pods and templates of pods, whole: their annotations say what is captured. */
  readonly workloads: readonly SourceDocument[];
  /** Every resource of any kind, as it was written, in the spelling of the schemas where there is one. */
  readonly written: readonly WrittenResource[];
  readonly diagnostics: readonly Diagnostic[];
  /** No resource and no MeshConfig. */
  readonly isEmpty: boolean;
  /** The place of a field of a resource. */
  readonly placeOf: (resource: object, path: FieldPath) => SourceLocation | undefined;
}

export interface WrittenResource {
  readonly value: Fields;
  readonly document: SourceDocument;
  /** False: it does not have the form of its kind. */
  readonly wellFormed: boolean;
}

/** Controllers whose `spec.template` is a pod. */
const POD_CONTROLLERS = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob']);

export function readResources(documents: readonly SourceDocument[]): ReadResources {
  const reader = new ResourceReader();
  for (const document of documents) reader.read(document);
  return reader.result();
}

class ResourceReader {
  readonly #collections = new Map<keyof MeshResources, AnyResource[]>();
  readonly #seen = new Map<string, SourceLocation | undefined>();
  readonly #workloads: SourceDocument[] = [];
  readonly #written: WrittenResource[] = [];
  readonly #diagnostics: Diagnostic[] = [];
  readonly #documents = new WeakMap<object, SourceDocument>();
  #meshConfig: { readonly document: MeshConfigDocument; readonly location: SourceLocation | undefined } | undefined;

  result(): ReadResources {
    const resources = Object.fromEntries(
      resourceKinds.map(({ collection }) => [collection, this.#collections.get(collection) ?? []]),
    ) as unknown as MeshResources;
    return {
      resources,
      meshConfig: this.#meshConfig?.document,
      workloads: this.#workloads,
      written: this.#written,
      diagnostics: this.#diagnostics,
      isEmpty: this.#collections.size === 0 && this.#meshConfig === undefined,
      placeOf: (resource, path) => {
        const document = this.#documents.get(resource);
        return document?.locate?.(path) ?? document?.source;
      },
    };
  }

  read(document: SourceDocument): void {
    const { value } = document;
    const meshConfig = readMeshConfigDocument(document);
    if (meshConfig !== undefined) {
      this.#addMeshConfig(meshConfig, document);
    } else if (!isFields(value) || typeof value['kind'] !== 'string') {
      const fix = 'give it `apiVersion` and `kind`, or the fields of a MeshConfig';
      this.#report('SCL0301', document, [], 'neither a resource nor a MeshConfig', undefined, fix);
    } else if (Array.isArray(value['items']) && value['kind'].endsWith('List')) {
      for (const item of listItems(value, document)) this.read(item);
    } else if (typeof value['apiVersion'] !== 'string') {
      this.#report('SCL0404', document, ['kind'], 'this field must be given', refOf(value), undefined, 'apiVersion');
    } else {
      this.#readKind(value['kind'], value['apiVersion'], value, document);
    }
  }

  #readKind(kind: string, apiVersion: string, value: Fields, document: SourceDocument): void {
    const { group, version } = splitApiVersion(apiVersion);
    const known = findResourceKind(kind, group);
    if (kind === 'Pod' || POD_CONTROLLERS.has(kind)) this.#workloads.push(document);
    if (known === undefined) {
      this.#written.push({ value, document, wellFormed: true });
      this.#leaveAside(kind, group, value, document);
    } else if (!known.versions.includes(version)) {
      const fix = `write one of ${known.versions.map((name) => (group === '' ? name : `${group}/${name}`)).join(', ')}`;
      const message = `${kind} is not known in version \`${apiVersion}\``;
      this.#report('SCL0302', document, ['apiVersion'], message, refOf(value), fix, 'apiVersion');
    } else {
      this.#addResource(known, value, document);
    }
  }

  #leaveAside(kind: string, group: string, value: Fields, document: SourceDocument): void {
    if (governsEgressElsewhere(kind, group)) {
      const message = `${kind} can change what leaves a workload in a cluster, and is not read here`;
      this.#report('SCL0306', document, ['kind'], message, refOf(value), 'say the same with the kinds that are read');
    } else {
      this.#report(
        'SCL0305',
        document,
        ['kind'],
        `${kind} has no part in egress decisions and was left aside`,
        refOf(value),
      );
    }
  }

  #addResource(kind: ResourceKind, value: Fields, document: SourceDocument): void {
    const ref = refOf(value, kind);
    const source = document.locate?.(['kind']) ?? document.source;
    const checked = checkResource(kind.kind, document, source === undefined ? ref : { ...ref, source });
    this.#diagnostics.push(...checked.diagnostics);
    this.#written.push({ value: checked.value, document, wellFormed: checked.wellFormed });
    const key = `${kind.kind} ${kind.group} ${ref.namespace}/${ref.name}`;
    if (ref.name !== '' && this.#seen.has(key)) {
      const first = this.#seen.get(key);
      const where = first === undefined ? 'earlier too' : `at ${formatLocation(first)} too`;
      const message = `${formatResource(ref)} is defined ${where}`;
      this.#report('SCL0303', document, ['metadata', 'name'], message, ref, 'keep one of them', 'metadata.name');
      return;
    }
    this.#seen.set(key, source);
    if (!checked.accepted) return;
    const collection = this.#collections.get(kind.collection) ?? [];
    this.#collections.set(kind.collection, collection);
    const resource = toResource(kind, checked.value, source);
    this.#documents.set(resource, document);
    collection.push(resource);
  }

  #addMeshConfig(meshConfig: MeshConfigDocument, document: SourceDocument): void {
    const location = document.locate?.([]);
    for (const { code, message, location: place, fix } of meshConfig.problems) {
      this.#diagnostics.push({
        code,
        level: levelOf(code),
        message,
        location: place,
        ...(fix === undefined ? {} : { fix }),
      });
    }
    const earlier = this.#meshConfig;
    if (earlier === undefined) {
      this.#meshConfig = { document: meshConfig, location };
    } else if (earlier.document.mesh.length > 0 && meshConfig.mesh.length > 0) {
      const where = earlier.location === undefined ? 'earlier too' : `at ${formatLocation(earlier.location)} too`;
      this.#report('SCL0304', document, [], `MeshConfig is given ${where}`, undefined, 'keep one of them');
    } else {
      const document_ = {
        mesh: [...earlier.document.mesh, ...meshConfig.mesh],
        values: [...earlier.document.values, ...meshConfig.values],
        problems: [],
      };
      this.#meshConfig = {
        document: document_,
        location: earlier.document.mesh.length > 0 ? earlier.location : location,
      };
    }
  }

  #report(
    code: DiagnosticCode,
    document: SourceDocument,
    path: FieldPath,
    message: string,
    resource?: ResourceRef,
    fix?: string,
    field?: string,
  ): void {
    const location = document.locate?.(path) ?? document.source;
    this.#diagnostics.push({
      code,
      level: levelOf(code),
      message,
      ...(resource === undefined ? {} : { resource }),
      ...(field === undefined ? {} : { field }),
      ...(location === undefined ? {} : { location }),
      ...(fix === undefined ? {} : { fix }),
    });
  }
}

/** Items of a typed list need not repeat what the list says. */
function listItems(list: Fields, document: SourceDocument): readonly SourceDocument[] {
  const kind = String(list['kind']).slice(0, -'List'.length);
  const inherited = kind === '' ? {} : { apiVersion: list['apiVersion'], kind };
  return (list['items'] as readonly unknown[]).map((item, index) => ({
    value: isFields(item) ? { ...inherited, ...item } : item,
    ...(document.file === undefined ? {} : { file: document.file }),
    ...(document.locate === undefined ? {} : { locate: (path) => document.locate?.(['items', index, ...path]) ?? {} }),
    ...(document.embedded === undefined
      ? {}
      : { embedded: (path) => document.embedded?.(['items', index, ...path]) ?? { line: 0, column: 0 } }),
  }));
}

function refOf(value: Fields, kind?: ResourceKind): ResourceRef {
  const metadata = isFields(value['metadata']) ? value['metadata'] : {};
  const name = metadata['name'] ?? metadata['generateName'];
  const namespace = kind?.clusterScoped === true ? '' : (metadata['namespace'] ?? 'default');
  return {
    kind: String(value['kind']),
    namespace:
      typeof namespace === 'string' && namespace !== '' ? namespace : kind?.clusterScoped === true ? '' : 'default',
    name: typeof name === 'string' ? name : '',
  };
}

function toResource(kind: ResourceKind, value: Fields, source: SourceLocation | undefined): AnyResource {
  const metadata = value['metadata'] as AnyResource['metadata'];
  const moved = (kind.besideMetadata ?? []).filter((field) => value[field] !== undefined);
  // NODE: spread and extended, each object would have a hidden class of its own on Node 20, and be slow to read.
  const spec = Object.assign({}, value['spec'], Object.fromEntries(moved.map((field) => [field, value[field]])));
  const namespace = metadata.namespace === undefined || metadata.namespace === '' ? 'default' : metadata.namespace;
  return {
    kind: kind.kind,
    apiVersion: value['apiVersion'] as string,
    metadata: kind.clusterScoped === true ? metadata : Object.assign({}, metadata, { namespace }),
    spec,
    ...(kind.kind === 'ServiceEntry' && value['status'] !== undefined ? { status: value['status'] } : {}),
    ...(source === undefined ? {} : { source }),
  };
}
