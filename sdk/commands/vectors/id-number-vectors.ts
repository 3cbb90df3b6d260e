import { idCheckCharacter, parseIdNumber, upgradeIdNumber } from '../../emv/id-number.ts';
import { computed, textAt, type VectorFormat } from './vector-case.ts';

export const idNumberVectors: VectorFormat = {
  name: 'identity number',
  recognises: (vector) => typeof vector['id_number'] === 'string',
  judge(vector) {
    const text = textAt(vector, 'id_number');
    const upgraded = upgradeIdNumber(text);
    // Fifteen digits are judged by what they become; their own form has no check character to judge.
    const parsed = parseIdNumber(upgraded ?? text);
    const upperCase = parseIdNumber((upgraded ?? text).toUpperCase());
    const idNumber = upperCase.ok ? upperCase.idNumber : undefined;
    return computed(vector, {
      valid: parsed.ok,
      valid_after_uppercase: upperCase.ok,
      check_char: idCheckCharacter((upgraded ?? text).slice(0, 17)),
      birth: idNumber?.birth.replaceAll('-', ''),
      sex: idNumber?.sex,
      region: idNumber?.region,
      holder_class: idNumber?.holderClass,
      upgraded,
    });
  },
};
