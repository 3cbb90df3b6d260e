/** A node of a V8 CPU profile, as much of it as is read here. */
export type ProfileNode = {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[] | undefined;
};

/** Where a sample belongs: the first line that holds for a frame of its stack, seen from the running function outwards. */
const STAGES: readonly (readonly [RegExp, string])[] = [
  [/\(garbage collector\)/, 'garbage collection'],
  [/\/gateway\/fares\//, 'pricing with trace'],
  [/\/gateway\/ledger\//, 'postings'],
  [/\/gateway\/(journeys|calendar|concessions)\//, 'journey building'],
  [/\/gateway\/store\/(array-|journey-rows|posting-rows)/, 'array building'],
  [/\b(valuesOf|literalOf)\b.*\/gateway\/store\//, 'array building'],
  [/\/gateway\/store\//, 'reading and writing rows'],
  [/\/node_modules\/postgres\//, 'database client'],
  [/\/gateway\/jobs\//, 'settling job'],
  [/\/sdk\//, 'settling job'],
  [/^(writev|write|writeUtf8String|writeLatin1String|writeBuffer) /, 'database client'],
];

const IDLE = new Set(['(idle)', '(root)']);

/** The stage of a sample's node, or null where the thread waited. */
export function stageOfSample(nodes: readonly ProfileNode[]): (id: number) => string | null {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])));
  const known = new Map<number, string | null>();
  return (id) => {
    const found = known.get(id);
    if (found !== undefined) return found;
    let stage: string | null = 'everything else';
    if (IDLE.has(byId.get(id)?.callFrame.functionName ?? '')) stage = null;
    search: for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = byId.get(at)?.callFrame;
      const text = `${frame?.functionName ?? ''} ${frame?.url ?? ''}`;
      for (const [pattern, name] of STAGES) {
        if (!pattern.test(text)) continue;
        stage = name;
        break search;
      }
    }
    known.set(id, stage);
    return stage;
  };
}
