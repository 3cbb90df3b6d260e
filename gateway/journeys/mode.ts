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

/** What each is called, where a reader is shown it. */
export const MODE_TEXT: Readonly<Record<Mode, { readonly zh: string; readonly en: string }>> = {
  metro: { zh: '轨道', en: 'Metro' },
  bus: { zh: '公交', en: 'Bus' },
  express_bus: { zh: '快线公交', en: 'Express bus' },
  airport_bus: { zh: '机场巴士', en: 'Airport bus' },
  airport_express: { zh: '机场快线', en: 'Airport express' },
  maglev: { zh: '磁浮', en: 'Maglev' },
  tram: { zh: '有轨电车', en: 'Tram' },
  ferry: { zh: '轮渡', en: 'Ferry' },
  clinic: { zh: '诊疗', en: 'Clinic' },
};
