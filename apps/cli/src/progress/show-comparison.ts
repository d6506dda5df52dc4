/** What is seen of a comparison while it runs: its events, told to a display. */
import { type CompareConfig, type CompareEvent } from '@immiscible/trainer';
import { list, plural, significant } from '../format.ts';
import { type ArmProgress } from './arm-progress.ts';
import { type Display } from './display.ts';
import { TimeLeft } from './time-left.ts';

/** Turns events into what is seen of them. */
export function showComparison(
  config: CompareConfig,
  arms: readonly ArmProgress[],
  display: Display,
): (event: CompareEvent) => void {
  const timeLeft = new TimeLeft(config);
  const armNamed = (name: string): ArmProgress | undefined => arms.find((arm) => arm.name === name);
  return (event) => {
    switch (event.type) {
      case 'phase':
        display.activity(event.text);
        return;
      case 'step': {
        const arm = armNamed(event.arm);
        if (!arm) return;
        arm.add(event.report);
        display.step(arm, timeLeft.seconds(arms));
        return;
      }
      case 'sampling': {
        const { arm, samplingSteps, done, total } = event;
        timeLeft.sampled(arm, samplingSteps, done, performance.now());
        display.activity(`sampling ${arm} with ${samplingSteps} steps`, done, total, timeLeft.seconds(arms));
        return;
      }
      case 'measurement': {
        const { images, quality } = event.measurement;
        const values = Object.entries(quality).map(([n, { frechet }]) => `${significant(frechet)} with ${n}`);
        display.note(
          `${event.arm} after ${plural(images, 'image')}: Fréchet distance ${list(values)} sampling steps`,
        );
        return;
      }
    }
  };
}
