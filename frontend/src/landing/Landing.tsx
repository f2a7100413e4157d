// The base domain's own page: what Fluxion is.

import { useState } from 'react';
import { Route, Routes } from 'react-router';
import { Heading } from '../ui/parts.tsx';
import './landing.css';
import './steps.css';
import { LanguageSwitch, useWords } from '../language/language.tsx';
import type { Deployment } from '../main.tsx';
import { Missing } from '../ui/Missing.tsx';
import { usePage } from '../ui/page.ts';
import { uiWords } from '../ui/words.ts';
import { besides, suggestedLabel } from './address.ts';
import { landingWords } from './words.ts';

export default function Landing({ deployment }: { deployment: Deployment }) {
  return (
    <Routes>
      <Route index element={<Home deployment={deployment} />} />
      <Route path="*" element={<Missing />} />
    </Routes>
  );
}

function Home({ deployment }: { deployment: Deployment }) {
  const words = useWords(landingWords);
  const ui = useWords(uiWords);
  const heading = usePage(words.title);
  const [name, setName] = useState('');
  const base = deployment.base_domain;
  return (
    <div className="landing">
      <a className="skip" href="#content">
        {ui.skip}
      </a>
      <header>
        <span className="wordmark">
          <Wave />
          Fluxion
        </span>
        <nav>
          <a href={besides(window.location, 'admin', base)}>{words.operators}</a>
          <LanguageSwitch />
        </nav>
      </header>

      <main id="content">
        <section className="hero">
          <div className="pitch">
            <Heading at={heading}>{words.headline}</Heading>
            <p className="lead">{words.lead}</p>
            <div className="try">
              <label htmlFor="business">{words.nameLabel}</label>
              <input
                id="business"
                value={name}
                onChange={(event) => setName(event.target.value)}
                placeholder={words.namePlaceholder}
                maxLength={80}
                autoComplete="off"
                aria-describedby="address-hint"
              />
              <p className="result">
                <span>{words.addressLabel}</span>{' '}
                <output htmlFor="business">
                  <b>{suggestedLabel(name) || words.addressEmpty}</b>.{base}
                </output>
              </p>
              <p className="hint" id="address-hint">
                {words.addressHint}
              </p>
            </div>
            {deployment.example_tenant ? (
              <p>
                <a className="button" href={besides(window.location, deployment.example_tenant, base)}>
                  {words.example}
                </a>
              </p>
            ) : null}
          </div>
          <Preview name={name.trim()} base={base} />
        </section>

        <section className="steps" aria-labelledby="steps">
          <h2 id="steps">{words.stepsTitle}</h2>
          <p className="lead">{words.stepsLead}</p>
          <ol>
            {STAGES.bringingUp.map((state) => {
              const [title, text] = words.steps[state] ?? [];
              return (
                title && (
                  <li key={state}>
                    <h3>{title}</h3>
                    <p>{text}</p>
                    <code>{state}</code>
                  </li>
                )
              );
            })}
          </ol>
        </section>

        <section className="gets" aria-labelledby="gets">
          <h2 id="gets">{words.getsTitle}</h2>
          <dl>
            {words.gets.map(([what, text]) => (
              <div key={what}>
                <dt>{what}</dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        </section>

        <section className="nots" aria-labelledby="nots">
          <h2 id="nots">{words.notTitle}</h2>
          <div>
            <p className="lead">{words.notLead}</p>
            <ul>
              {words.nots.map((text) => (
                <li key={text}>{text}</li>
              ))}
            </ul>
          </div>
        </section>
      </main>

      <footer>
        <p>{words.footer}</p>
      </footer>
    </div>
  );
}

function Wave() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path d="M5 22c6 0 5-12 11-12s5 12 11 12" />
    </svg>
  );
}

/** Draw a shop's page with the name that was typed. It says nothing that the text does not. */
function Preview({ name, base }: { name: string; base: string }) {
  const words = useWords(landingWords);
  return (
    <figure className="preview" aria-hidden="true">
      <div className="window">
        <div className="bar">
          <i />
          <span>
            {suggestedLabel(name) || words.addressEmpty}.{base}
          </span>
        </div>
        <div className="shop">
          <p className="name">{name || words.previewName}</p>
          <ul>
            {words.previewItems.map(([item, unit]) => (
              <li key={item}>
                <span>
                  <b>{item}</b> <small>{unit}</small>
                </span>
                <em>{words.previewButton}</em>
              </li>
            ))}
          </ul>
        </div>
      </div>
      <figcaption>{words.preview}</figcaption>
    </figure>
  );
}
