<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

use Infrafabric\FirewallDraft;
use Infrafabric\FirewallPresets;
use Infrafabric\Posted;
use Infrafabric\Texts;

/**
 * The rule editor. Each step of editing is a post that gives the draft back; only saving reaches the machine.
 */
final class Firewall extends Tab
{
    protected const ACTIONS = ['set_firewall'];

    private ?FirewallDraft $draft = null;
    private bool $unsaved = false;

    protected function body(string $action, Posted $post): array
    {
        $this->draft = FirewallDraft::ofPost($post->rows('rules'));
        foreach ($this->draft->faults() as $field => $text) {
            $this->fail($field, 'valid', $text);
        }

        return ['rules' => $this->draft->rules()];
    }

    protected function other(string $action, Posted $post, string $nonce): bool
    {
        $this->draft = FirewallDraft::ofPost($post->rows('rules'))->edited($action, $post->text('preset'));
        $this->unsaved = $this->draft !== null;

        return $this->unsaved;
    }

    public function values(): array
    {
        $known = $this->page->known()->service['firewall'] ?? [];
        $rules = is_array($known) && is_array($known['rules'] ?? null) ? $known['rules'] : [];

        return [
            'rules' => ($this->draft ?? FirewallDraft::ofRules($rules))->rows,
            'unsaved' => $this->unsaved,
            'choices' => $this->choices(),
            'presets' => $this->named(FirewallPresets::names(), Texts::PRESETS),
        ];
    }

    /**
     * @return array<string, array<string, string>>
     */
    private function choices(): array
    {
        $texts = [
            'in' => 'Infrafabric.firewall.in',
            'out' => 'Infrafabric.firewall.out',
            'accept' => 'Infrafabric.firewall.accept',
            'drop' => 'Infrafabric.firewall.drop',
            'tcp' => 'Infrafabric.firewall.tcp',
            'udp' => 'Infrafabric.firewall.udp',
            'icmp' => 'Infrafabric.firewall.icmp',
            'any' => 'Infrafabric.firewall.any',
        ];

        return array_map(fn (array $choices): array => $this->named($choices, $texts), FirewallDraft::CHOICES);
    }

    /**
     * @param list<string> $names
     * @param array<string, string> $texts
     * @return array<string, string>
     */
    private function named(array $names, array $texts): array
    {
        $named = [];
        foreach ($names as $name) {
            $named[$name] = $this->page->say($texts[$name]);
        }

        return $named;
    }
}
