const PREFIX = 'configmap://';

/** `configmap://namespace/name`, in the resource's own namespace. */
export function configMapNameProblem(credentialName: string, namespace: string): string | undefined {
  const [owner, name, ...rest] = credentialName.slice(PREFIX.length).split('/');
  if (owner === undefined || name === undefined || rest.length > 0 || owner === '' || name === '') {
    return `${JSON.stringify(credentialName)} is not of the form configmap://namespace/name`;
  }
  return owner === namespace
    ? undefined
    : `${JSON.stringify(credentialName)} lies outside the resource's namespace ${JSON.stringify(namespace)}`;
}
