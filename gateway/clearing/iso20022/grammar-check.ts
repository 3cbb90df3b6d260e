import type { ElementType, Grammar, Particle } from './grammar.ts';
import { isBlank, simpleType } from './simple-types.ts';
import type { Findings, InspectionCode } from '../inspect/inspection.ts';

/** An element as the XML reader gives it: local name, whether it is in the message's namespace, own attributes. */
export type OpenedElement = {
  readonly name: string;
  readonly inNamespace: boolean;
  readonly attributes: ReadonlyMap<string, string>;
};

/** Where an error is. */
export type Place = { readonly line: number; readonly xpath: string };

type Frame = {
  readonly type: ElementType;
  /** place in the sequence; for a choice, the branch that was taken */
  index: number;
  /** how often the particle at `index` has occurred */
  count: number;
  chosen: boolean;
};

const isAmount = simpleType('amountValue');
const isCurrency = simpleType('currency');

/**
 * Holds one message to its rules while it streams by: elements in their order and number, attributes, text where text may be,
 * and the form of every value. Below an element that has no place nothing is judged any more: one error is one error.
 */
export class GrammarCheck {
  readonly #findings: Findings;
  readonly #frames: Frame[] = [];
  #skipped = 0;

  constructor(grammar: Grammar, findings: Findings) {
    this.#findings = findings;
    this.#frames.push({
      type: { kind: 'sequence', particles: [grammar.root] },
      index: 0,
      count: 0,
      chosen: false,
    });
  }

  open(element: OpenedElement, place: Place): void {
    const parent = this.#frames.at(-1);
    if (this.#skipped > 0 || parent === undefined || parent.type.kind === 'any') {
      this.#skipped += 1;
      return;
    }
    if (parent.type.kind === 'envelope') {
      if (parent.count > 0) this.#findings.add('element_unexpected', place);
      parent.count += 1;
      this.#skipped += 1;
      return;
    }
    const particle = element.inNamespace
      ? this.#place(parent, element.name, place)
      : this.#refuse('element_unexpected', place);
    if (particle === null) {
      this.#skipped += 1;
      return;
    }
    this.#checkAttributes(particle.type, element.attributes, place);
    this.#frames.push({ type: particle.type, index: 0, count: 0, chosen: false });
  }

  /** @param text all text of the element itself, without that of its children */
  close(text: string, place: Place): void {
    if (this.#skipped > 0) {
      this.#skipped -= 1;
      return;
    }
    const frame = this.#frames.pop();
    if (frame === undefined) return;
    switch (frame.type.kind) {
      case 'any':
        return;
      case 'simple':
        if (!frame.type.accepts(text)) this.#findings.add('value_invalid', place);
        return;
      case 'amount':
        if (!isAmount(text)) this.#findings.add('value_invalid', place);
        return;
      case 'envelope':
        if (!isBlank(text)) this.#findings.add('text_unexpected', place);
        if (frame.count === 0) this.#findings.add('element_missing', place);
        return;
      case 'sequence':
        if (!isBlank(text)) this.#findings.add('text_unexpected', place);
        if (missesParticle(frame, frame.type.particles, frame.type.particles.length))
          this.#findings.add('element_missing', place);
        return;
      case 'choice':
        if (!isBlank(text)) this.#findings.add('text_unexpected', place);
        if (!frame.chosen) this.#findings.add('element_missing', place);
    }
  }

  /** The end of Document: its only child must have come. */
  end(place: Place): void {
    const frame = this.#frames[0];
    if (frame?.type.kind === 'sequence' && frame.count === 0) this.#findings.add('element_missing', place);
  }

  /** Finds the particle that an element is, and moves the frame there. */
  #place(frame: Frame, name: string, place: Place): Particle | null {
    if (frame.type.kind !== 'sequence' && frame.type.kind !== 'choice') {
      return this.#refuse('element_unexpected', place);
    }
    const { particles, kind } = frame.type;
    if (kind === 'choice') {
      const index = particles.findIndex((particle) => particle.name === name);
      const particle = particles[index];
      if (particle === undefined) return this.#refuse('element_unexpected', place);
      if (frame.chosen && (frame.index !== index || frame.count >= particle.max)) {
        return this.#refuse('element_unexpected', place);
      }
      frame.count = frame.chosen ? frame.count + 1 : 1;
      frame.chosen = true;
      frame.index = index;
      return particle;
    }
    const index = particles.findIndex((particle, at) => at >= frame.index && particle.name === name);
    const particle = particles[index];
    if (particle === undefined) return this.#refuse('element_unexpected', place);
    if (index === frame.index) {
      if (frame.count >= particle.max) return this.#refuse('element_repeated', place);
      frame.count += 1;
      return particle;
    }
    if (missesParticle(frame, particles, index)) this.#findings.add('element_missing', place);
    frame.index = index;
    frame.count = 1;
    return particle;
  }

  #refuse(code: InspectionCode, place: Place): null {
    this.#findings.add(code, place);
    return null;
  }

  #checkAttributes(type: ElementType, attributes: ReadonlyMap<string, string>, place: Place): void {
    if (type.kind === 'any') return;
    const currency = attributes.get('Ccy');
    if (type.kind === 'amount') {
      if (currency === undefined) this.#findings.add('attribute_missing', place);
      else if (!isCurrency(currency)) this.#findings.add('value_invalid', place);
    }
    const others = [...attributes.keys()].filter((name) => !(name === 'Ccy' && type.kind === 'amount'));
    if (others.length > 0) this.#findings.add('attribute_unexpected', place);
  }
}

/** True when a particle between the frame's place and `upTo` has not occurred often enough. */
function missesParticle(frame: Frame, particles: readonly Particle[], upTo: number): boolean {
  for (let at = frame.index; at < upTo; at += 1) {
    const particle = particles[at];
    const count = at === frame.index ? frame.count : 0;
    if (particle !== undefined && count < particle.min) return true;
  }
  return false;
}
