/**
 * The modes that a rule set may speak of. A closed list, so that a misspelt mode in a rule file is a load error and not a
 * rule that never applies. `metro` is any urban rail.
 */
export const MODES = [
  'metro',
  'bus',
  'express_bus',
  'airport_bus',
  'airport_express',
  'maglev',
  'tram',
  'ferry',
  'clinic',
] as const;
export type Mode = (typeof MODES)[number];
