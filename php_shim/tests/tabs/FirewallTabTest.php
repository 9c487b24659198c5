<?php

declare(strict_types=1);

namespace Infrafabric\Tests\Tabs;

/**
 * The rule editor works without scripts: each step is a post that gives the draft back, and only saving sends it.
 */
final class FirewallTabTest extends TabTestCase
{
    private const RULE = [
        'direction' => 'in', 'action' => 'accept', 'protocol' => 'tcp', 'ports' => '22', 'cidrs' => '', 'comment' => '',
    ];

    /**
     * @param list<array<string, string>> $rules
     * @return list<string> ports of the rules that the answer shows
     */
    private function portsAfter(string $action, array $rules, string $preset = ''): array
    {
        $module = $this->module($this->row);
        $post = self::form($action, ['rules' => $rules, 'preset' => $preset]);
        $html = $this->tab($module, 'tabClientFirewall', $post);
        self::assertFalse($module->errors());
        self::assertStringContainsString('not in force yet', $html);
        preg_match_all('/name="rules\[\d+\]\[ports\]" value="([^"]*)"/', $html, $found);

        return $found[1];
    }

    /**
     * Proves that the machine's rules are shown, with every network.
     */
    public function testTheRulesAreShown(): void
    {
        $html = $this->tab($this->module($this->row), 'tabClientFirewall');
        self::assertStringContainsString('name="rules[0][cidrs]" value="192.0.2.0/24, 2001:db8::/32"', $html);
        self::assertStringContainsString('name="rules[0][comment]" value="SSH"', $html);
        self::assertStringNotContainsString('not in force yet', $html);
    }

    /**
     * Proves that adding, moving, removing and presets change the draft and nothing else.
     */
    public function testEachStepGivesTheDraftBack(): void
    {
        $rules = array_map(static fn (string $ports) => ['ports' => $ports] + self::RULE, ['1', '2', '3']);
        self::assertSame(['1', '2', '3', ''], $this->portsAfter('add', $rules));
        self::assertSame(['2', '1', '3'], $this->portsAfter('up:1', $rules));
        self::assertSame(['1', '2', '3'], $this->portsAfter('up:0', $rules));
        self::assertSame(['1', '3', '2'], $this->portsAfter('down:1', $rules));
        self::assertSame(['1', '2', '3'], $this->portsAfter('down:2', $rules));
        self::assertSame(['1', '3'], $this->portsAfter('remove:1', $rules));
        self::assertSame(['22', '80', '443', '', ''], $this->portsAfter('preset', $rules, 'web'));
        self::assertSame([], $this->portsAfter('preset', $rules, 'open'));
        self::assertSame([], $this->posts());
    }

    /**
     * Proves that a step that makes no sense is refused and changes nothing.
     */
    public function testUnknownSteps(): void
    {
        foreach (['up:3', 'up:-1', 'down:x', 'remove:', 'remove:999', 'preset', 'drop'] as $action) {
            $module = $this->module($this->row);
            $post = self::form($action, ['rules' => [self::RULE], 'preset' => 'all']);
            $this->tab($module, 'tabClientFirewall', $post);
            self::assertSame(['action'], array_keys($module->errors()));
        }
        self::assertSame([], $this->posts());
    }

    /**
     * Proves what is sent: the whole list in its order, networks as a list, no ports where there are none.
     */
    public function testSavingSendsTheList(): void
    {
        $any = ['protocol' => 'any', 'ports' => '', 'cidrs' => '192.0.2.1 2001:db8::/32, 10.0.0.0/8', 'comment' => 'x'];
        $post = self::form('set_firewall', ['rules' => [$any + self::RULE, ['ports' => '8000-8100'] + self::RULE]]);
        $module = $this->module($this->row);
        $this->tab($module, 'tabClientFirewall', $post);
        self::assertFalse($module->errors());
        [$request] = $this->posts();
        $first = ['protocol' => 'any', 'cidrs' => ['192.0.2.1', '2001:db8::/32', '10.0.0.0/8'], 'comment' => 'x'];
        $second = ['protocol' => 'tcp', 'ports' => '8000-8100', 'cidrs' => [], 'comment' => ''];
        $common = ['direction' => 'in', 'action' => 'accept'];
        self::assertEquals(['rules' => [$first + $common, $second + $common]], $request['body']);
    }

    /**
     * Proves that every preset is one that may be saved as it is.
     */
    public function testPresetsAreValid(): void
    {
        foreach (\Infrafabric\FirewallPresets::names() as $preset) {
            $draft = \Infrafabric\FirewallDraft::ofRules(\Infrafabric\FirewallPresets::rules($preset));
            self::assertSame([], $draft->faults(), $preset);
            self::assertEquals(\Infrafabric\FirewallPresets::rules($preset), $draft->rules(), $preset);
        }
    }

    /**
     * @return iterable<string, array{string, string}>
     */
    public static function faults(): iterable
    {
        foreach (['0', '65536', '22-', '9-8', 'ssh', '22,80', ' ', '22-23-24'] as $ports) {
            yield "ports '$ports'" => ['ports', $ports];
        }
        $wrong = ['x', '1.2.3', '1.2.3.4/33', '::/129', '1.2.3.4/', '300.1.1.1', '10.0.0.0/8/8'];
        foreach ([...$wrong, str_repeat('1.1.1.1,', 101)] as $nets) {
            yield 'networks ' . substr($nets, 0, 20) => ['cidrs', $nets];
        }
        yield 'direction' => ['direction', 'up'];
        yield 'action' => ['action', 'eat'];
        yield 'protocol' => ['protocol', 'gre'];
        yield 'a long comment' => ['comment', str_repeat('x', 256)];
        yield 'two lines' => ['comment', "a\nb"];
    }

    /**
     * Proves that each fault is told beside its field of its rule, and that nothing is sent.
     *
     * @dataProvider faults
     */
    public function testAFaultStandsAtItsField(string $member, string $value): void
    {
        $module = $this->module($this->row);
        $rules = [self::RULE, [$member => $value] + self::RULE];
        $html = $this->tab($module, 'tabClientFirewall', self::form('set_firewall', ['rules' => $rules]));
        if ($value === ' ') {
            self::assertFalse($module->errors(), 'blanks are nothing');

            return;
        }
        $errors = $module->errors();
        self::assertContains("rules.1.$member", array_keys($errors));
        self::assertStringContainsString("_rules_1_{$member}_error\"", $html);
        self::assertSame([], $this->posts());
    }

    /**
     * Proves that ports without TCP or UDP are refused, and that more than a hundred rules are.
     */
    public function testPortsNeedAProtocolAndRulesAreCounted(): void
    {
        $module = $this->module($this->row);
        $post = self::form('set_firewall', ['rules' => [['protocol' => 'icmp'] + self::RULE]]);
        $this->tab($module, 'tabClientFirewall', $post);
        self::assertSame(['rules.0.ports'], array_keys($module->errors()));
        $module = $this->module($this->row);
        $html = $this->tab($module, 'tabFirewall', self::form('set_firewall', ['rules' => array_fill(0, 101, self::RULE)]));
        self::assertSame(['rules'], array_keys($module->errors()));
        self::assertStringContainsString('at most 100 rules', $html);
        self::assertSame([], $this->posts());
    }

    /**
     * Proves that a refusal by the bridge leaves the draft in the form, with the bridge's message at the rule.
     */
    public function testTheBridgesRefusalKeepsTheDraft(): void
    {
        $errors = ['errors' => ['rules.0.ports' => ['format' => 'Not this port.']]];
        $this->bridgeWith(['POST /v1/services/*/*' => [self::problem(422, 'validation_failed', $errors)]]);
        $post = self::form('set_firewall', ['rules' => [['ports' => '77'] + self::RULE]]);
        $html = $this->tab($this->module($this->row), 'tabClientFirewall', $post);
        self::assertStringContainsString('name="rules[0][ports]" value="77"', $html);
        self::assertStringContainsString('>Not this port.<', $html);
    }
}
