/** Where a resource, or a field of it, stands in the file it was read from. Lines and columns count from 1. */
export interface SourceLocation {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

/** The part of Kubernetes' ObjectMeta that decisions depend on. */
export interface ObjectMeta {
  readonly name: string;
  /** Absent means `default`, as `kubectl` would create it. */
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** RFC 3339. Older wins where Istio prefers the older; without it a resource is the oldest, and names decide. */
  readonly creationTimestamp?: string;
}

/** The fields every resource has, whatever its kind. `spec` is Istio's JSON form: camelCase names, enum names, durations as `3s`. */
export interface Resource<Kind extends string, Spec> {
  readonly kind: Kind;
  readonly apiVersion?: string;
  readonly metadata: ObjectMeta;
  readonly spec: Spec;
  /** Where `kind` stands; absent for resources built in code. */
  readonly source?: SourceLocation;
}

/** Names a resource in a decision or a message. */
export interface ResourceRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly source?: SourceLocation;
}

/** Label selector by equality, `WorkloadSelector` of istio.io. No labels select every workload of the namespace. */
export interface WorkloadSelector {
  readonly labels?: Readonly<Record<string, string>>;
}

/** `{ number }`, Istio's PortSelector. Ports are 1-65535. */
export interface PortSelector {
  readonly number: number;
}
