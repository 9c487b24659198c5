<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

use Infrafabric\Answer;
use Infrafabric\Bridge;
use Infrafabric\Outcome;
use Infrafabric\Posted;
use Infrafabric\Texts;
use Infrafabric\Uuid;

/**
 * A page about a service, and what may be asked for there.
 *
 * A post names an `action` of the tab and carries a `nonce`, which becomes the Idempotency-Key: a double click is one
 * action. What destroys or interrupts something needs `confirm` as well.
 */
abstract class Tab
{
    /** Actions of the bridge that the tab's forms ask for. */
    protected const ACTIONS = [];
    /** Those among all of the tab's posts that do nothing without the box ticked. */
    protected const CONFIRMED = [];
    /** Posts that make sense whatever the service's status in Blesta is. */
    protected const ANY_STATUS = [];

    /** The nonce to show again when nobody knows yet whether the posted action happened. */
    private ?string $repeat = null;

    final public function __construct(protected Page $page)
    {
    }

    /**
     * @return array<string, mixed> for the view of the tab
     */
    abstract public function values(): array;

    /**
     * The request's body for an action; what is wrong with the post goes to the host as an error.
     *
     * @return array<string, mixed>
     */
    protected function body(string $action, Posted $post): array
    {
        return [];
    }

    /**
     * A post that is no action of the bridge; false when the tab knows none of that name.
     */
    protected function other(string $action, Posted $post, string $nonce): bool
    {
        return false;
    }

    /**
     * Do what the posted form asks for, at most once.
     *
     * @param callable(): bool $failed whether an error has been set
     */
    final public function post(callable $failed): void
    {
        $post = $this->page->posted;
        $action = $post->text('action');
        $nonce = Uuid::read($post->text('nonce'));
        if ($nonce === null) {
            $this->fail('action', 'valid', 'Infrafabric.!error.action');

            return;
        }
        if (in_array($action, static::CONFIRMED, true) && $post->text('confirm') !== '1') {
            $this->fail('confirm', 'empty', 'Infrafabric.!error.confirm');
        } elseif ($this->page->status() !== 'active' && !in_array($action, static::ANY_STATUS, true)) {
            $this->fail('action', 'valid', 'Infrafabric.!error.not_active');
        }
        if ($failed()) {
            return;
        }
        if (in_array($action, static::ACTIONS, true)) {
            $body = $this->body($action, $post);
            if (!$failed()) {
                $this->act($action, $body, $nonce);
            }
        } elseif (!$this->other($action, $post, $nonce)) {
            $this->fail('action', 'valid', 'Infrafabric.!error.action');
        }
    }

    /**
     * @param array<string, mixed> $body
     */
    private function act(string $action, array $body, string $nonce): void
    {
        $limit = Bridge::VIEW_SECONDS;
        $answer = $this->page->bridge->act($this->page->key, $action, $body, 0, $nonce, $limit);
        $name = $this->page->say(Texts::ACTIONS[$action]);
        $this->judge($answer, $nonce, $this->page->say('Infrafabric.!success.action', $name));
    }

    /**
     * Tell what an answer means; after silence the form keeps its nonce, so that a repetition is the same command.
     */
    protected function judge(Answer $answer, string $nonce, string $success): void
    {
        $outcome = Outcome::of($answer);
        if (in_array($outcome->kind, [Outcome::DONE, Outcome::ACCEPTED], true)) {
            $this->page->host->success($success);

            return;
        }
        $this->repeat = $outcome->kind === Outcome::UNCONFIRMED ? $nonce : null;
        $this->page->host->failFor($outcome);
    }

    protected function fail(string $field, string $rule, string $text): void
    {
        $this->page->host->fail($field, $rule, $this->page->say($text));
    }

    final public function nonce(): string
    {
        return $this->repeat ?? Uuid::fresh();
    }

    /**
     * @return array<string, array{name: string, allowed: bool, reason: string}> by action
     */
    final public function buttons(): array
    {
        $buttons = [];
        foreach (static::ACTIONS as $action) {
            $name = $this->page->say(Texts::ACTIONS[$action]);
            $buttons[$action] = ['name' => $name] + $this->page->known()->judge($action);
        }

        return $buttons;
    }

    final public function isConfirmed(string $action): bool
    {
        return in_array($action, static::CONFIRMED, true);
    }
}
