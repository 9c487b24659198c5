<?php

declare(strict_types=1);

namespace Infrafabric;

use Closure;

/**
 * The mail that tells a client that a machine is ready, for services whose welcome mail had to leave before that.
 *
 * At most once: that it is sent is stored before it leaves, so a crash in between costs the mail and never doubles it.
 * The client finds everything in the client area as well.
 */
final class ReadyMail
{
    public const FIELD = 'ifb_ready_mail';
    public const OWED = 'owed';
    public const SENT = 'sent';

    /**
     * @param object $emails Blesta's Emails model
     * @param object $clients Blesta's Clients model
     * @param string $from address of the sender; without one no mail is sent
     * @param array<string, string> $mail `subject` and `text`, with tags as in the welcome mail
     * @param Closure(string, string...): string $say
     */
    public function __construct(
        private object $emails,
        private object $clients,
        private string $from,
        private string $fromName,
        private array $mail,
        private Closure $say
    ) {
    }

    /**
     * Whether the mail is still to be sent, and can be.
     */
    public function isDue(ServiceFields $fields): bool
    {
        $ready = $fields->value('ifb_ipv4') . $fields->value('ifb_ipv6');

        return $this->from !== '' && $fields->value(self::FIELD) === self::OWED && $ready !== '';
    }

    /**
     * @return string what went wrong, '' when nothing did
     */
    public function send(object $service, ServiceFields $fields): string
    {
        $client = $this->clients->get((int) ($service->client_id ?? 0));
        $to = is_object($client) ? (string) ($client->email ?? '') : '';
        if (filter_var($to, FILTER_VALIDATE_EMAIL) === false) {
            return ($this->say)('Infrafabric.sync.no_address');
        }
        $text = $this->mail['text'] ?? '';
        $html = '<p>' . nl2br(htmlspecialchars($text, ENT_QUOTES, 'UTF-8')) . '</p>';
        $subject = $this->mail['subject'] ?? '';
        $body = ['text' => $text, 'html' => $html];
        $this->emails->sendCustom($this->from, $this->fromName, $to, $subject, $body, ['service' => $this->tags($fields)]);
        $errors = $this->emails->errors();

        return $errors ? (new Masker())->text((string) json_encode($errors)) : '';
    }

    /**
     * @return array<string, string> what the texts may name, as in the welcome mail
     */
    private function tags(ServiceFields $fields): array
    {
        $tags = [];
        foreach (['hostname', 'ipv4', 'ipv6', 'ips', 'user', 'password', 'image', 'datacenter'] as $name) {
            $value = $fields->value('ifb_' . $name);
            $tags['ifb_' . $name] = $value === ServiceFields::NOTHING ? '' : $value;
        }

        return $tags;
    }
}
