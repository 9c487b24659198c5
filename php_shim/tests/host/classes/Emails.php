<?php

/**
 * Sends a mail of somebody's own text: kept in the state, with its tags.
 */
class Emails
{
    private array|false $errors = false;

    public function sendCustom(
        string $from,
        string $from_name,
        string $to,
        string $subject,
        array $body,
        array $tags = []
    ): void {
        $mail = compact('from', 'from_name', 'to', 'subject', 'body', 'tags');
        $this->errors = $to === 'refused@example.com' ? ['email' => ['refused' => 'Not this one.']] : false;
        State::change(static function (array &$state) use ($mail): void {
            $state['mails'][] = $mail;
        });
    }

    public function errors(): array|false
    {
        return $this->errors;
    }
}
