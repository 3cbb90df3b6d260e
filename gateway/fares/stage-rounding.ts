import type { Pricing } from './pricing.ts';

const RULE = { id: 'rounding', text: { zh: '取整', en: 'Rounding' } };

/** Brings the amount to a multiple of the set's unit, by its one named rounding. Below zero it cannot be: every stage floors at 0. */
export function applyRounding(pricing: Pricing): void {
  const { mode, unit_fen: unitFen } = pricing.ruleSet.source.rounding;
  pricing.apply('rounding', RULE, { unit_fen: unitFen }, { op: 'round', unitFen, rounding: mode });
}
